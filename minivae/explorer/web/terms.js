// The bound and its two terms, in nats: of what is on the page, and of an average test datapoint.

import { decimal } from "./numbers.js";

export function nats(number) {
  if (number === null || !Number.isFinite(number)) return "–";
  return decimal(number, Math.abs(number) < 10 ? 2 : 1);
}

export class Terms {
  constructor(table, bars, { mean_bound: average }) {
    this.cells = Object.fromEntries(
      ["log-px", "minus-kl", "bound"].map((name) => [name, table.querySelector(`#${name}`)]),
    );
    this.bars = bars;
    this.average = average;
    const { log_px: logPx, minus_kl: minusKl } = average;
    table.querySelector("#mean-log-px").textContent = nats(logPx);
    table.querySelector("#mean-minus-kl").textContent = nats(minusKl);
    table.querySelector("#mean-bound").textContent = nats(bound(average));
    this.drawBar(bars.querySelector("#mean-bar"), logPx, minusKl);
  }

  draw({ logPx, minusKl, byHand }) {
    this.cells["log-px"].textContent = nats(logPx);
    this.cells["minus-kl"].textContent = nats(minusKl);
    this.cells.bound.textContent = byHand ? "–" : nats(logPx + minusKl);
    this.drawBar(this.bars.querySelector("#bar"), logPx, minusKl);
  }

  // What is missing to a bound of zero, in two parts: lengths, as long as both terms are negative.
  drawBar(bar, logPx, minusKl) {
    const { log_px: usualLogPx, minus_kl: usualMinusKl } = this.average;
    const drawn = logPx <= 0 && minusKl <= 0 && usualLogPx + usualMinusKl < 0;
    this.bars.hidden = !drawn;
    if (!drawn) return;
    const full = -2 * (usualLogPx + usualMinusKl);
    const [logPart, klPart] = bar.children;
    const logWidth = Math.min(100, (-100 * logPx) / full);
    logPart.style.width = `${logWidth}%`;
    klPart.style.width = `${Math.min(100 - logWidth, (-100 * minusKl) / full)}%`;
  }
}

function bound({ log_px: logPx, minus_kl: minusKl }) {
  return logPx === null || minusKl === null ? null : logPx + minusKl;
}
