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
    this.full = -2 * bound(average); // nats of a bar's full length
    if (canBeDrawn(logPx, minusKl)) this.drawBar("#mean-bar", logPx, minusKl);
  }

  draw({ logPx, minusKl, byHand }) {
    this.cells["log-px"].textContent = nats(logPx);
    this.cells["minus-kl"].textContent = nats(minusKl);
    this.cells.bound.textContent = byHand ? "–" : nats(logPx + minusKl);
    const { log_px: usualLogPx, minus_kl: usualMinusKl } = this.average;
    this.bars.hidden = !(canBeDrawn(logPx, minusKl) && canBeDrawn(usualLogPx, usualMinusKl));
    if (!this.bars.hidden) this.drawBar("#bar", logPx, minusKl);
  }

  // What is missing to a bound of zero, in two parts.
  drawBar(selector, logPx, minusKl) {
    const [logPart, klPart] = this.bars.querySelector(selector).children;
    const logWidth = Math.min(100, (-100 * logPx) / this.full);
    logPart.style.width = `${logWidth}%`;
    klPart.style.width = `${Math.min(100 - logWidth, (-100 * minusKl) / this.full)}%`;
  }
}

// A term that is no loss has no length.
function canBeDrawn(logPx, minusKl) {
  return logPx !== null && minusKl !== null && logPx < 0 && minusKl <= 0;
}

function bound({ log_px: logPx, minus_kl: minusKl }) {
  return logPx === null || minusKl === null ? null : logPx + minusKl;
}
