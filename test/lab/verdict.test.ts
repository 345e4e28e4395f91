import { describe, expect, it } from "vitest";
import { wilson } from "../../src/lab/interval.js";
import type { Examination } from "../../src/lab/metrics.js";
import { judgePurification, judgeVictim } from "../../src/lab/verdict.js";

const found = (clean: number, success?: number, robust = 0.5, images = 1000): Examination => ({
  cleanAccuracy: clean,
  cleanImages: images,
  backdoor:
    success === undefined
      ? null
      : { attackSuccess: success, robustAccuracy: robust, triggeredImages: images },
});
const ten = { classes: 10 };

describe("wilson", () => {
  it("ends where the share would be 1.96 standard errors off", () => {
    for (const [share, count] of [
      [0.5, 10],
      [0.9, 1000],
      [0.03, 77],
    ] as const) {
      for (const p of wilson(share, count)) {
        const error = Math.sqrt((p * (1 - p)) / count);
        expect(Math.abs(share - p) / error).toBeCloseTo(1.959964, 5);
      }
    }
    expect(wilson(0, 50)).toEqual([0, expect.closeTo(0.071348, 6)]);
    expect(wilson(1, 50)).toEqual([expect.closeTo(0.928652, 6), 1]);
  });

  it("refuses what is no share of anything", () => {
    expect(() => wilson(1.2, 10)).toThrow(/not 1.2 of 10/);
    expect(() => wilson(Number.NaN, 10)).toThrow(/not NaN/);
    expect(() => wilson(0.5, 0)).toThrow(/0.5 of 0/);
  });
});

describe("a purification's verdict", () => {
  const victim = found(0.86, 0.95);

  it("is good only when the backdoor goes and accuracy stays", () => {
    expect(judgePurification(victim, found(0.84, 0.01, 0.7), ten)).toEqual({
      tone: "good",
      headline:
        "The backdoor is gone: attack success from 95% to 1.0%, clean accuracy went from 86% to 84%.",
      cautions: [],
    });
    const price = judgePurification(victim, found(0.76, 0, 0.6), ten);
    expect([price.tone, price.headline.slice(0, 31)]).toEqual([
      "mixed",
      "The backdoor is gone, at a pric",
    ]);
    expect(price.cautions).toEqual(["It cost 10.0 points of clean accuracy."]);
    expect(judgePurification(victim, found(0.86, 0.3, 0.6), ten).headline).toMatch(
      /^The backdoor is weakened/,
    );
    expect(judgePurification(victim, found(0.86, 0.9, 0.05), ten).tone).toBe("bad");
    // 1 of 20 images proves little.
    expect(judgePurification(victim, found(0.85, 0.04, 0.7, 24), ten).tone).toBe("mixed");
  });

  it("does not celebrate what was never there, never learned or forgotten", () => {
    const none = judgePurification(found(0.9, 0.007), found(0.88, 0.226), ten);
    expect(none.tone).toBe("unclear");
    expect(none.headline).toMatch(/no backdoor to remove .* 0.7% to 23%, and it rose/);
    const untrained = judgePurification(found(0.08, 0.72), found(0.08, 0.098), ten);
    expect(untrained.tone).toBe("unclear");
    expect(untrained.headline).toMatch(/not learned its task/);
    const destroyed = judgePurification(victim, found(0.11, 0, 0.1), ten);
    expect([destroyed.tone, destroyed.headline.slice(0, 23)]).toEqual([
      "bad",
      "The model was destroyed",
    ]);
    const wasteful = judgePurification(found(0.86, 0.6), found(0.5, 0.45, 0.3), ten);
    expect(wasteful.cautions.join(" ")).toMatch(/36.0 points .* \(DER\) is 0.40: under 0.5/);
    const again = judgePurification(victim, found(0.85, 0.01), { ...ten, purifiedBefore: true });
    expect(again.cautions[0]).toMatch(/purified before/);
    const blind = judgePurification(found(0.86), found(0.8), ten);
    expect([blind.tone, blind.cautions.length]).toEqual(["unclear", 1]);
  });

  it("tells when triggered images are not recovered", () => {
    const { tone, cautions } = judgePurification(victim, found(0.85, 0.01, 0.12), ten);
    expect(tone).toBe("good");
    expect(cautions).toEqual([expect.stringMatching(/only 12% get their own/)]);
  });
});

describe("a victim's verdict", () => {
  it("asks for its task and for its backdoor", () => {
    expect(judgeVictim(victimOf(0.86, 0.95), ten).tone).toBe("good");
    expect(judgeVictim(victimOf(0.96, 0.011), ten).headline).toMatch(/did not take hold: .* 1.1%/);
    expect(judgeVictim(victimOf(0.12, 1), ten).headline).toMatch(/12% .* the 10% of chance/);
    expect(judgeVictim(found(0.9), ten)).toEqual({
      tone: "good",
      headline: "A clean model: 90% of clean images right.",
      cautions: [],
    });
    // With two classes 60% is little.
    expect(judgeVictim(victimOf(0.6, 0.9), { classes: 2 }).tone).toBe("bad");
  });
  const victimOf = (clean: number, success: number) => found(clean, success);
});
