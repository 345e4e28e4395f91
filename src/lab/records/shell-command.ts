/** A shell command that a person can paste. */
export function shellCommand(command: readonly string[]): string {
  const quoted = command.map((argument) =>
    /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replace(/'/g, "'\\''")}'`,
  );
  return ["shiftgrad", ...quoted].join(" ");
}
