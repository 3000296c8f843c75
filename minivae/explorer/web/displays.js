// How a datapoint is shown and drawn: as a picture if it is one, else as bars. Places are given as
// fractions (u, v) of the width and of the height.

import { clamp, sum } from "./numbers.js";
import { theme } from "./theme.js";

// Pixels from `low`, black, to `high`, white; one of them is one of the canvas.
class Pictures {
  word = "picture";

  constructor([height, width], [low, high]) {
    Object.assign(this, { height, width, low, high });
    this.full = this.tile = { width, height };
    this.radius = Math.max(0.6, 0.045 * Math.min(height, width)); // of the pen, in pixels
    this.image = new ImageData(width, height);
    this.image.data.fill(255);
  }

  paint(context, values, { x = 0, y = 0 } = {}) {
    const { low, high, image } = this;
    for (let d = 0; d < values.length; d++) {
      const grey = (255 * (values[d] - low)) / (high - low); // the array cuts off and rounds
      image.data[4 * d] = image.data[4 * d + 1] = image.data[4 * d + 2] = grey;
    }
    context.putImageData(image, x, y);
  }

  blank() {
    return new Float64Array(this.height * this.width).fill(this.low);
  }

  // Draw a straight stroke, soft at its edge, into the values.
  stroke(values, from, to, rub) {
    const { width, height, low, high, radius } = this;
    const [x0, y0, x1, y1] = [from.u * width, from.v * height, to.u * width, to.v * height];
    const length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const [x, y] = [column + 0.5, row + 0.5];
        const along = length2 ? ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length2 : 0;
        const t = clamp(along, 0, 1);
        const distance = Math.hypot(x - x0 - t * (x1 - x0), y - y0 - t * (y1 - y0));
        const ink = clamp(radius + 0.6 - distance, 0, 1) * (high - low);
        const d = row * width + column;
        values[d] = rub ? Math.min(values[d], high - ink) : Math.max(values[d], low + ink);
      }
    }
  }

  // Shift the picture so that the middle of its ink is in the middle, as the makers of MNIST did.
  centre(values) {
    const { width, height, low } = this;
    const ink = values.map((value) => value - low);
    const all = sum(ink);
    if (!(all > 0)) return values.slice();
    const middle = (place) => sum(ink.map((i, d) => i * place(d))) / all;
    const down = Math.round((height - 1) / 2 - middle((d) => Math.floor(d / width)));
    const right = Math.round((width - 1) / 2 - middle((d) => d % width));
    const centred = this.blank();
    for (let d = 0; d < values.length; d++) {
      const row = Math.floor(d / width) + down;
      const column = (d % width) + right;
      if (row >= 0 && row < height && column >= 0 && column < width) {
        centred[row * width + column] = values[d];
      }
    }
    return centred;
  }

  // One pixel, for the keyboard.
  step(place, right, down) {
    const { width, height } = this;
    const column = clamp(Math.floor(place.u * width) + right, 0, width - 1);
    const row = clamp(Math.floor(place.v * height) + down, 0, height - 1);
    return { u: (column + 0.5) / width, v: (row + 0.5) / height };
  }

  say(place) {
    const [row, column] = [place.v * this.height, place.u * this.width].map(Math.floor);
    return `row ${row + 1}, column ${column + 1}`;
  }
}

// A bar for every number, up from zero, or from the least if all are above.
class Bars {
  word = "datapoint";
  full = { width: 560, height: 320 };
  tile = { width: 64, height: 48 };

  constructor(D, [low, high]) {
    this.D = D;
    const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
    Object.assign(this, { low: low > 0 && low > 0.5 * high ? low : least, high: most });
    if (this.high <= this.low) this.high = this.low + 1;
  }

  paint(context, values, { x = 0, y = 0, tile = false } = {}) {
    const { width, height } = tile ? this.tile : this.full;
    const pitch = width / this.D;
    const gap = pitch > 4 ? Math.min(2, pitch / 5) : 0;
    const share = (value) => (value - this.low) / (this.high - this.low);
    const level = (value) => height * (1 - clamp(share(value), 0, 1));
    const base = level(Math.max(this.low, 0));
    context.clearRect(x, y, width, height);
    context.fillStyle = tile ? theme.quiet : theme.accent; // behind test points, or by itself
    for (let d = 0; d < values.length; d++) {
      const top = level(values[d]);
      const length = Math.max(Math.abs(top - base), tile ? 0 : 1);
      context.fillRect(x + d * pitch + gap / 2, y + Math.min(top, base), pitch - gap, length);
    }
  }

  blank() {
    return new Float64Array(this.D).fill(Math.max(this.low, 0));
  }

  // Set every bar that is passed to the height at which it is passed.
  stroke(values, from, to, rub) {
    const bar = (u) => clamp(Math.floor(u * this.D), 0, this.D - 1);
    const [first, last] = [bar(from.u), bar(to.u)];
    const steps = Math.abs(last - first);
    for (let k = 0; k <= steps; k++) {
      const t = steps ? k / steps : 1;
      const v = clamp(from.v + t * (to.v - from.v), 0, 1);
      const value = this.low + (this.high - this.low) * (1 - v);
      values[first + k * Math.sign(last - first)] = rub ? Math.max(this.low, 0) : value;
    }
  }

  // One bar to the side, a twentieth up or down.
  step(place, right, down) {
    const d = clamp(Math.floor(place.u * this.D) + right, 0, this.D - 1);
    return { u: (d + 0.5) / this.D, v: clamp(place.v + down / 20, 0, 1) };
  }

  say(place) {
    return `bar ${Math.floor(place.u * this.D) + 1}`;
  }
}

export function displayOf({ image_shape: shape, range }) {
  const [height, width] = shape;
  return height > 1 && width > 1 ? new Pictures(shape, range) : new Bars(height * width, range);
}

export function paintInto(canvas, display, values, small = false) {
  const { width, height } = small ? display.tile : display.full;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  display.paint(canvas.getContext("2d"), values, { tile: small });
}
