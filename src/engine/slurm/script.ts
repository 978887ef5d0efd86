/**
 * What sbatch is handed: a shell script, in which the job's program takes the shell's place. Where it has more to do than that
 * it is a login shell's, which knows `module`.
 */
export function scriptOf(build: string, setup: string | undefined, folder: string): string {
  const program = [process.execPath, `${build}/worker.cjs`, folder].map(quote).join(" ");
  return `${setup === undefined ? "#!/bin/bash" : `#!/bin/bash -l\n${setup}`}\nexec ${program}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
