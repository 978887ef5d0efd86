import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests start real processes and real sessions on two cores: give them time, never sleeps.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // On two cores: a third of the time, a test waits for a timer, a server or a disk.
    maxWorkers: 3,
    // Workers of one thread each: sessions that spin on all cores would wait for one another. No result depends on it.
    env: { PIPELINE_THREADS: "1" },
    // Processes, not threads: a worker thread that ends inside a native run takes the whole process with it.
    pool: "forks",
  },
});
