/** How many faults are tried: a sample in `npm test`, all of them in `npm run test:faults`. */
export const all = process.env.FAULTS === "all";
