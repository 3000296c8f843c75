// The canvas to draw on, with a mouse, a finger, a pen or the keyboard.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function placeIn(element, event) {
  const box = element.getBoundingClientRect();
  return { u: (event.clientX - box.left) / box.width, v: (event.clientY - box.top) / box.height };
}

// A pointer reports more places than there are frames: all that it has been at.
function placesOf(element, event) {
  const all = event.getCoalescedEvents?.() ?? [];
  return (all.length ? all : [event]).map((each) => placeIn(element, each));
}

export class DrawingPad {
  // `drawn` is called with the values after every stroke, `say` with what the keyboard has done.
  constructor(canvas, cursor, display, drawn, say) {
    Object.assign(this, { canvas, cursor, display, drawn, say });
    this.values = display.blank();
    this.rubbing = false;
    this.last = null; // where the pointer is that draws
    this.pen = { u: 0.5, v: 0.5 }; // where the keyboard's pen is
    this.penDown = false;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, () => (this.last = null));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("keydown", (event) => this.type(event));
    canvas.addEventListener("focus", () => this.showPen());
  }

  begin(event) {
    if (event.button > 0 && event.button !== 2) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.last = placeIn(this.canvas, event);
    this.rub = this.rubbing || event.button === 2 || event.buttons === 32; // a pen's other end
    this.strokeTo(this.last, this.rub);
  }

  go(event) {
    if (!this.last) return;
    for (const place of placesOf(this.canvas, event)) this.strokeTo(place, this.rub);
  }

  strokeTo(place, rub) {
    this.display.stroke(this.values, this.last ?? place, place, rub);
    if (this.last) this.last = place;
    this.drawn(this.values);
  }

  type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
      this.say("cleared");
    } else if (event.key === " ") {
      this.penDown = !this.penDown;
      if (this.penDown) this.strokeTo(this.pen, this.rubbing);
      this.say(`pen ${this.penDown ? "down" : "up"}, ${this.display.say(this.pen)}`);
    } else if (event.key in STEPS) {
      const from = this.pen;
      this.pen = this.display.step(from, ...STEPS[event.key]);
      if (this.penDown) {
        this.display.stroke(this.values, from, this.pen, this.rubbing);
        this.drawn(this.values);
      }
    } else {
      return;
    }
    event.preventDefault();
    this.showPen();
  }

  showPen() {
    this.cursor.style.left = `${100 * this.pen.u}%`;
    this.cursor.style.top = `${100 * this.pen.v}%`;
    this.cursor.classList.toggle("down", this.penDown);
  }

  // Go on from other values.
  take(values) {
    this.values = Float64Array.from(values);
  }

  clear() {
    this.take(this.display.blank());
    this.drawn(this.values);
  }
}
