// A path between two datapoints: straight from the mean of q(z|x) of one to that of the other.

import { paintInto } from "./displays.js";

const PICTURES = 9;
const SECONDS = 3; // from end to end

export class Path {
  // `moved` is called with z and the words that say where it is.
  constructor(section, model, display, moved) {
    Object.assign(this, { model, display, moved, ends: {}, shown: false });
    const find = (selector) => section.querySelector(selector);
    this.slots = { A: find("#end-a"), B: find("#end-b") };
    this.strip = find("#strip");
    this.slider = find("#along");
    this.button = find("#play");
    this.slider.addEventListener("input", () => this.go(this.slider.valueAsNumber));
    this.button.addEventListener("click", () => (this.playing ? this.stop() : this.play()));
    for (let k = 0; k < PICTURES; k++) this.strip.append(document.createElement("canvas"));
  }

  // Keep a datapoint as one of the ends, "A" or "B".
  keep(end, x) {
    this.stop();
    this.ends[end] = { x: Float64Array.from(x), z: this.model.encode(x).mu };
    this.paint();
  }

  get line() {
    const { A, B } = this.ends;
    return A && B ? { from: A.z, to: B.z } : null;
  }

  at(t) {
    const { from, to } = this.line;
    return from.map((z, j) => (1 - t) * z + t * to[j]);
  }

  paint() {
    for (const [end, { x }] of Object.entries(this.ends)) {
      paintInto(this.slots[end], this.display, x, true);
    }
    if (!this.line) return;
    [...this.strip.children].forEach((canvas, k) => {
      paintInto(canvas, this.display, this.model.decode(this.at(k / (PICTURES - 1))), true);
    });
  }

  go(t) {
    this.shown = true;
    this.slider.value = t;
    this.moved(this.at(t));
  }

  play() {
    this.playing = true;
    this.button.textContent = "Stop";
    let begun = null;
    const step = (now) => {
      if (!this.playing) return;
      begun ??= now;
      const t = (now - begun) / 1000 / SECONDS;
      this.go(Math.min(t, 1));
      if (t < 1) requestAnimationFrame(step);
      else this.stop();
    };
    requestAnimationFrame(step);
  }

  stop() {
    this.playing = false;
    this.button.textContent = "Walk from A to B";
  }
}
