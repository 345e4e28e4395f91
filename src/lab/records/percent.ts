/** A share of 1 for a person to read: whole per cent, and one decimal below 10%. */
export const shortPercent = (share: number): string =>
  `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)}%`;
