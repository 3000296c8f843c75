// Test datapoints to choose from, a handful at a time.

import { paintInto } from "./displays.js";

const SHOWN = 12;

export class Thumbnails {
  constructor(list, more, images, labels, display, chosen) {
    Object.assign(this, { list, images, labels, display, chosen, first: 0 });
    more.hidden = images.length <= SHOWN;
    more.addEventListener("click", () => {
      this.first = (this.first + SHOWN) % images.length;
      this.fill();
    });
    this.fill();
  }

  name(n) {
    const label = this.labels?.[n];
    return `test ${this.display.word} ${n + 1}${label === undefined ? "" : `, a ${label}`}`;
  }

  fill() {
    const shown = Math.min(SHOWN, this.images.length);
    this.list.replaceChildren();
    for (let k = 0; k < shown; k++) {
      const n = (this.first + k) % this.images.length;
      const button = document.createElement("button");
      button.type = "button";
      button.append(document.createElement("canvas"));
      button.setAttribute("aria-label", this.name(n));
      button.title = this.name(n);
      button.addEventListener("click", () => this.chosen(this.images[n], this.name(n)));
      this.list.append(button);
    }
    this.paint();
  }

  paint() {
    [...this.list.children].forEach((button, k) => {
      const image = this.images[(this.first + k) % this.images.length];
      paintInto(button.firstChild, this.display, image, true);
    });
  }
}
