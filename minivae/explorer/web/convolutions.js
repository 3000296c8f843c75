// Convolutions and their transposes, as minivae/layers/convolution.py has them. An image is
// (height, width, channels), channels last; a pixel of the small one belongs to a patch of the
// large one.

import { activate } from "./activations.js";

// Call `link` for every number of the large image and every patch that it is in, with the places
// of the number, of the patch among the small image's pixels, and of the number within its patch.
function linkPatches({ large, small, kernel, stride, padding }, link) {
  const [height, width, channels] = large;
  const [P, Q] = small;
  for (let p = 0; p < P; p++) {
    for (let q = 0; q < Q; q++) {
      for (let i = 0; i < kernel[0]; i++) {
        const row = p * stride[0] + i - padding[0];
        if (row < 0 || row >= height) continue;
        for (let j = 0; j < kernel[1]; j++) {
          const column = q * stride[1] + j - padding[1];
          if (column < 0 || column >= width) continue;
          for (let c = 0; c < channels; c++) {
            const within = (i * kernel[1] + j) * channels + c;
            link((row * width + column) * channels + c, p * Q + q, within);
          }
        }
      }
    }
  }
}

// A bias for each channel, in every pixel.
function filled(n, b) {
  return Float64Array.from({ length: n }, (_, k) => b[k % b.length]);
}

// h = f(patches(x) W + b)
export class Conv2D {
  constructor(settings, arrays) {
    Object.assign(this, settings, arrays, { large: settings.image, small: settings.image_out });
  }

  forward(x) {
    const { W, n_out } = this;
    const count = this.small[2];
    const h = filled(n_out, this.b);
    linkPatches(this, (number, patch, within) => {
      const x_i = x[number];
      if (x_i === 0) return;
      for (let m = 0; m < count; m++) h[patch * count + m] += x_i * W[within * count + m];
    });
    return activate(this.activation, h);
  }
}

// h = f(patches^T(x W^T) + b)
export class ConvTranspose2D {
  constructor(settings, arrays) {
    Object.assign(this, settings, arrays, { large: settings.image_out, small: settings.image });
  }

  forward(x) {
    const { W, n_out } = this;
    const count = this.small[2];
    const h = filled(n_out, this.b);
    linkPatches(this, (number, patch, within) => {
      let sum = 0;
      for (let m = 0; m < count; m++) sum += x[patch * count + m] * W[within * count + m];
      h[number] += sum;
    });
    return activate(this.activation, h);
  }
}

// One channel after the other, in place of pixel after pixel.
export class ChannelsFirst {
  constructor(settings) {
    Object.assign(this, settings);
  }

  forward(x) {
    const [height, width, channels] = this.image;
    const pixels = height * width;
    return x.map((_, k) => x[(k % pixels) * channels + Math.floor(k / pixels)]);
  }
}
