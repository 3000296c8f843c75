// A picture from a file, as the model takes one: grey, of the right size, fitted into the frame.

import { sum } from "./numbers.js";

const mean = (values) => sum(values) / values.length;

// Return the values; `dark` says whether the model's own pictures are dark at their border.
export async function pictureFrom(file, { width, height, low, high }, dark) {
  const bitmap = await createImageBitmap(file);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // behind what is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = Float64Array.from({ length: width * height }, (_, d) => {
    return (0.299 * data[4 * d] + 0.587 * data[4 * d + 1] + 0.114 * data[4 * d + 2]) / 255;
  });
  const onBorder = (_, d) => d < width || d >= width * (height - 1) || d % width === 0;
  const inverted = dark && mean(grey.filter(onBorder)) > 0.5; // ink on paper
  const values = grey.map((value) => low + (high - low) * (inverted ? 1 - value : value));
  return { values, inverted };
}
