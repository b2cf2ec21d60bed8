// What the mouse, fingers and keys do on a map. Drag draws an area, or pans with Shift; the wheel zooms to the pointer.
// Shift or Ctrl held when an area is finished adds to the selection, Alt removes from it.

const DRAG = 4; // css pixels the pointer travels before a press is a drag
const STEP = 60; // css pixels an arrow key pans

class Gestures {
  constructor(map, canvas) {
    this.map = map;
    this.canvas = canvas;
    this.drag = null; // {kind, path, moved} while a button is down
    this.fingers = new Map();
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave", "wheel", "dblclick", "keydown"])
      canvas.addEventListener(kind, (event) => this[kind](event), { passive: false });
    canvas.addEventListener("pointerenter", () => document.activeElement === document.body && canvas.focus({ preventScroll: true }));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault()); // the right button pans
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  pointerdown(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, this.place(event));
    const pans = event.shiftKey || event.button > 0 || this.fingers.size > 1 || this.map.tool === "pan";
    this.drag = { kind: pans ? "pan" : this.map.tool, path: [this.place(event)], moved: this.fingers.size > 1 };
    this.map.hover(null);
  }

  pointermove(event) {
    const at = this.place(event);
    if (!this.drag) {
      this.map.hover(event.pointerType === "touch" ? null : at);
      return;
    }
    const before = this.fingers.get(event.pointerId) ?? at;
    this.fingers.set(event.pointerId, at);
    const { drag, map } = this;
    drag.moved ||= away(at, drag.path[0]) > DRAG;
    if (!drag.moved) return;
    if (this.fingers.size > 1) this.pinch(event.pointerId, before, at);
    else if (drag.kind === "pan") map.pan(at[0] - before[0], at[1] - before[1]);
    else if (drag.kind === "box" || away(at, drag.path.at(-1)) >= 3) drag.path.push(at);
    map.sketch(this.outline());
  }

  pinch(id, before, at) {
    const [other] = [...this.fingers].filter(([finger]) => finger !== id).map(([, place]) => place);
    this.map.zoom(Math.max(away(at, other), 10) / Math.max(away(before, other), 10), ...other);
  }

  pointerup(event) {
    const { drag, map } = this;
    this.end(event);
    if (!drag) return;
    const mode = event.shiftKey || event.ctrlKey || event.metaKey ? "add" : event.altKey ? "remove" : "set";
    if (!drag.moved && event.button === 0) map.click(this.place(event), mode);
    else if (drag.moved && drag.kind !== "pan") map.enclose(outline(drag), mode);
  }

  pointercancel(event) {
    this.end(event);
  }

  end(event) {
    this.fingers.delete(event.pointerId);
    this.drag = null;
    this.map.sketch([]);
  }

  pointerleave() {
    this.map.hover(null);
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.map.zoom(Math.exp(-0.0015 * lines * event.deltaY), ...this.place(event));
  }

  dblclick(event) {
    if (this.map.find(this.place(event)) === null) this.map.reset();
  }

  outline() {
    return this.drag.moved ? outline(this.drag) : [];
  }

  keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { map } = this;
    const actions = {
      ArrowLeft: () => map.pan(STEP, 0),
      ArrowRight: () => map.pan(-STEP, 0),
      ArrowUp: () => map.pan(0, STEP),
      ArrowDown: () => map.pan(0, -STEP),
      "+": () => map.zoom(1.3),
      "=": () => map.zoom(1.3),
      "-": () => map.zoom(1 / 1.3),
      0: () => map.reset(),
      Escape: () => (this.drag ? this.cancel() : map.clear()),
      Enter: () => map.open(),
      s: () => map.similar(),
    };
    if (!actions[event.key]) return;
    actions[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }

  cancel() {
    this.drag = null;
    this.map.sketch([]);
  }
}

/** The area a drag has drawn, as css pixels on the canvas; empty for a pan. */
function outline({ kind, path }) {
  if (kind === "pan") return [];
  if (kind === "lasso") return path;
  const [[x0, y0], [x1, y1]] = [path[0], path.at(-1)];
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

function away([x0, y0], [x1, y1]) {
  return Math.hypot(x1 - x0, y1 - y0);
}
