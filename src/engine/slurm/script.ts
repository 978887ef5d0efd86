/** What sbatch is handed: a shell script, in which the job's program takes the shell's place. */
export function scriptOf(build: string, setup: string | undefined, folder: string): string {
  const program = [process.execPath, `${build}/worker.cjs`, folder].map(quote).join(" ");
  return `#!/bin/bash\n${setup === undefined ? "" : `${setup}\n`}exec ${program}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
