// Functions of numbers that JavaScript lacks, random numbers, and numbers out of text.

export const LOG_2PI = Math.log(2 * Math.PI);

export function sigmoid(a) {
  return Math.exp(-softplus(-a));
}

// log(1 + exp(a)); exp(a) itself may be too large for a number.
export function softplus(a) {
  return Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
}

// The probability that a standard normal number is below a.
export function normalCdf(a) {
  const t = Math.abs(a);
  const density = Math.exp(-0.5 * (t * t + LOG_2PI));
  let above;
  if (t < 3) {
    // Phi(t) - 1/2 = phi(t) (t + t^3 / 3 + t^5 / (3 5) + ...)
    let term = t;
    let sum = t;
    for (let k = 3; term > 1e-17 * sum; k += 2) {
      term *= (t * t) / k;
      sum += term;
    }
    above = 0.5 - density * sum;
  } else {
    // Laplace's continued fraction: phi(t) / (t + 1 / (t + 2 / (t + 3 / ...)))
    let fraction = t;
    for (let k = 60; k > 0; k--) fraction = t + k / fraction;
    above = density / fraction;
  }
  return a < 0 ? above : 1 - above;
}

// log Gamma(x), x > 0: Stirling's series, from 10 on; below, Gamma(x) = Gamma(x + 1) / x.
export function logGamma(x) {
  let smaller = 0;
  for (; x < 10; x++) smaller += Math.log(x);
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5);
  return (x - 0.5) * Math.log(x) - x + LOG_2PI / 2 + series - smaller;
}

export function sum(numbers) {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

// A number to be read, with a proper minus sign.
export function decimal(number, digits = 2) {
  return number.toFixed(digits).replace("-", "−");
}

// Math.random() is never 1, so that no logarithm of zero is taken.
export function drawNormal() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return radius * Math.cos(2 * Math.PI * Math.random());
}

export function drawLaplace() {
  return Math.log(1 - Math.random()) * (Math.random() < 0.5 ? 1 : -1);
}

export function drawLogistic() {
  const u = Math.random() || 0.5;
  return Math.log(u / (1 - u));
}

function bytesOf(base64) {
  const text = atob(base64.trim());
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes;
}

function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  return exponent ? sign * (1 + fraction) * 2 ** (exponent - 15) : sign * fraction * 2 ** -14;
}

// The numbers in a text that holds their bytes. There are 65,536 halves: all are looked up.
export function numbersOf(base64, dtype) {
  const bytes = bytesOf(base64);
  if (dtype === "uint8") return bytes;
  if (dtype === "float32") return new Float32Array(bytes.buffer);
  if (dtype === "float64") return new Float64Array(bytes.buffer);
  const halves = Float32Array.from({ length: 65536 }, (_, bits) => fromHalf(bits));
  return Float32Array.from(new Uint16Array(bytes.buffer), (bits) => halves[bits]);
}
