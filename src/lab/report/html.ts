/** Text with the characters that mean something in HTML written as entities. */
export const html = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.codePointAt(0)};`);
