// The map's half in the browser; curation/ui/map/renderer.py is the other. Its parts (map_*.js) are one module with
// this file, which comes last. Arrays come as bytes, each in an element of its own and once: a map names the ones it
// needs and is drawn when all are there. Text reaches the page through textContent only.

const RINGS = 200; // rings at once; zooming in shows the rest
const REST = 140; // milliseconds without a movement before everything is drawn again

const columns = new Map(); // element -> {digest, buffer}
const maps = new Map(); // element -> PointMap
const remembered = new Map(); // a map's key -> what outlives its element: the view, the selection, the highlight

export default function () {
  const early = globalThis.winnowMap?.early ?? [];
  globalThis.winnowMap = { receive, leave };
  early.forEach(receive);
}

/** What an element of map_element.js was given: an array, or what Python says of a map. */
function receive({ data, parentElement: place, setStateValue }) {
  if (data instanceof Uint8Array) {
    columns.set(place, { digest: String.fromCharCode(...data.subarray(0, 16)), buffer: data.slice(16).buffer });
    for (const map of maps.values()) map.load();
  } else {
    if (!maps.has(place)) maps.set(place, new PointMap(place));
    maps.get(place).update(data, setStateValue);
  }
}

/** An element was taken away, if it does not come back at once. */
function leave(place) {
  setTimeout(() => {
    if (place.isConnected) return;
    columns.delete(place);
    maps.get(place)?.end();
    maps.delete(place);
  }, 0);
}

function column(digest) {
  for (const held of columns.values()) if (held.digest === digest) return held.buffer;
  return null;
}

class PointMap {
  constructor(place) {
    this.view = new View();
    this.highlight = new Set(); // codes of the first panel in focus; empty: all
    this.picked = new Uint8Array(0);
    this.loaded = {}; // digests of what the arrays below were made from
    this.hovered = null;
    this.tool = "pan";
    this.labelled = true;
    this.root = make("div", "map");
    this.stage = make("div", "stage");
    this.canvas = make("canvas");
    this.over = new Overlay(this);
    this.key = new Key(this);
    this.card = new Card(this);
    this.tools = new Tools(this);
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.stage.append(this.canvas, this.over.svg, this.over.message, this.card.element);
    const middle = make("div", "middle");
    middle.append(this.stage, this.tools.element);
    this.root.append(this.key.facts, middle, this.key.classes);
    const style = make("style", "", STYLE);
    place.append(style, this.root);
    this.gestures = new Gestures(this, this.canvas);
    this.start();
    this.sizes = new ResizeObserver(() => {
      if (this.stage.clientWidth !== this.width || this.stage.clientHeight !== this.height) this.rest();
    });
    this.sizes.observe(this.stage);
  }

  start() {
    try {
      this.painter = new Painter(this.canvas);
    } catch (error) {
      this.painter = null; // `draw` shows a still picture instead
    }
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.painter.begin();
      this.sent = false;
      this.upload();
    });
  }

  end() {
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
    this.painter?.end();
  }

  // -- what Python says ---------------------------------------------------------------------------------------

  update(data, tell) {
    this.data = data;
    this.tell = (gesture) => tell("gesture", { ...gesture, at: this.token });
    this.canvas.setAttribute("aria-label", data.alt);
    if (!data.selects) this.tool = "pan";
    else if (!this.memory) this.tool = "lasso";
    this.load();
  }

  /** Take what Python named, once all of it has arrived. */
  load() {
    if (!this.data) return;
    const { data } = this;
    const wanted = [...Object.values(data.columns), data.selection.rows, ...data.panels.flatMap((p) => [p.codes, p.leftOut])];
    if (!wanted.every((digest) => digest === null || column(digest))) return;
    const changed = (name, digest) => {
      const is = this.loaded[name] !== digest;
      this.loaded[name] = digest;
      return is;
    };
    this.arrived = performance.now();
    const { n } = data;
    const take = (digest, type) => (digest === null ? null : new type(column(digest)));
    const { places, values, shown, shapes, ringed, suggested, labels, items } = data.columns;
    const moved = changed("places", places);
    if (moved) this.xy = take(places, Uint16Array);
    if (changed("values", values) || moved) {
      this.values = take(values, Float32Array);
      this.order = this.values ? ascending(this.values) : inOrder(n);
      this.hard = this.values ? difficulty(this.values, this.order) : { levels: new Uint16Array(n), unknown: 0, flat: true };
      this.sent = false;
    }
    if (changed("shown", shown) || moved) {
      this.shown = shown === null ? new Uint8Array(n).fill(1) : unpacked(take(shown, Uint8Array), n);
      this.grid = new Grid(this.xy, this.shown);
      this.crowding = this.grid.crowding();
      this.view.lay(data.extent, typical(this.grid, this.crowding));
      this.sent = false;
    }
    if (changed("items", items) || moved) this.items = items === null ? null : setBits(take(items, Uint8Array));
    this.shapes = take(shapes, Uint8Array);
    this.ringed = take(ringed, Uint32Array) ?? new Uint32Array(0);
    this.suggested = take(suggested, Uint16Array);
    this.labels = take(labels, Uint16Array);
    this.panels = data.panels.map((panel) => ({
      ...panel,
      codes: take(panel.codes, Uint16Array),
      leftOut: panel.leftOut === null ? null : unpacked(take(panel.leftOut, Uint8Array), n),
      colours: panel.stops ? ramp(panel.stops, 256) : panel.colours,
    }));
    if (moved) this.recall();
    this.obey(take(data.selection.rows, Uint8Array));
    this.hover(null);
    this.upload();
  }

  /** The view and the selection as they were when this map was last on the page, if it is the same one. */
  recall() {
    const known = remembered.get(this.data.key);
    if (known?.places === this.data.columns.places) {
      this.memory = known;
      Object.assign(this.view, known.view);
      ({ picked: this.picked, highlight: this.highlight, token: this.token, tool: this.tool, labelled: this.labelled } = known);
    } else {
      this.view.reset();
      this.picked = new Uint8Array(this.data.n);
      this.highlight = new Set();
      this.token = null;
    }
    this.remember();
  }

  remember() {
    const { x, y, zoom } = this.view;
    const { picked, highlight, token, tool, labelled } = this;
    this.memory = { places: this.data.columns.places, view: { x, y, zoom }, picked, highlight, token, tool, labelled };
    remembered.set(this.data.key, this.memory);
  }

  /** Select what Python selected, unless that is what the browser told it. */
  obey(bits) {
    const { token } = this.data.selection;
    if (token === this.token) return;
    this.token = token;
    this.picked = bits ? unpacked(bits, this.data.n) : new Uint8Array(this.data.n);
    this.remember();
  }

  /** What the card says of a row: [kind, words]. */
  facts(row) {
    const { data, labels, values, hard } = this;
    const said = [];
    if (labels) said.push(["label", labels[row] === FULL ? data.noName : data.names[labels[row]]]);
    const ringed = this.ringed.indexOf(row);
    if (ringed >= 0) {
      const code = this.suggested?.[ringed] ?? FULL;
      said.push(["flag", code === FULL || code === labels?.[row] ? data.ring.name : `${data.ring.name}, perhaps ${data.names[code]}`]);
    }
    if (values) said.push(["value", `${data.valuesName} ${Number.isNaN(values[row]) ? "unknown" : amount(values[row])}`]);
    return said;
  }

  // -- drawing ------------------------------------------------------------------------------------------------

  /** Hand the arrays to the card: places once, looks whenever something is selected, highlighted or coloured anew. */
  upload() {
    if (!this.panels) return;
    this.count = this.picked.reduce((sum, bit) => sum + bit, 0);
    if (this.painter) {
      if (!this.sent) {
        const places = new Uint32Array(this.xy.buffer); // a pair at a time
        this.painter.setPlaces(new Uint16Array(this.order.map((row) => places[row]).buffer));
        this.painter.setCrowding(this.crowding);
        this.sent = true;
      }
      this.panels.forEach((panel, index) => {
        const looks = this.order.map((row) => this.look(panel, row));
        this.painter.setPanel(index, looks, this.layers(panel), palette(panel));
      });
    }
    this.key.fill();
    this.tools.fill();
    const still = "This browser draws no WebGL, so the map is a still picture: it can be looked at and saved.";
    this.over.say(!this.grid.rows.length ? "No items to show here." : this.painter ? "" : still);
    this.rest();
  }

  /** What the card needs to know of a row beside its place, in 32 bits. */
  look(panel, row) {
    const state = this.shown[row] | (this.isFaint(row) ? FAINT : 0) | (panel.leftOut?.[row] ? LEFT_OUT : 0);
    return (panel.codes[row] | (this.hard.levels[row] << 16) | ((state | ((this.shapes?.[row] ?? 0) << 3)) << 26)) >>> 0;
  }

  isFaint(row) {
    return (this.count > 0 && !this.picked[row]) || (this.highlight.size > 0 && !this.highlight.has(this.panels[0].codes[row]));
  }

  layers(panel) {
    return [...(panel.leftOut ? [0] : []), ...(this.count || this.highlight.size ? [1] : []), 2];
  }

  /** The suspicious in sight, at most RINGS of them, least suspicious first. */
  chooseRings() {
    const [x0, y0, x1, y1] = this.view.sight(4);
    const seen = this.ringed.filter((row) => {
      const [x, y] = [this.xy[2 * row], this.xy[2 * row + 1]];
      return this.shown[row] && x >= x0 && x <= x1 && y >= y0 && y <= y1;
    });
    this.inSight = seen.length;
    this.rings = seen.slice(0, RINGS).reverse();
    const places = Uint16Array.from({ length: 2 * this.rings.length }, (_, i) => this.xy[2 * this.rings[i >> 1] + (i & 1)]);
    const looks = this.panels.map((panel) => Uint32Array.from(this.rings, (row) => this.look(panel, row)));
    this.painter?.setRings(places, looks);
  }

  /** Left and top of each panel, in css pixels. */
  lay() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    Object.assign(this, { width, height });
    const across = this.panels.length > 1 ? 2 : 1;
    const down = Math.ceil(this.panels.length / across);
    this.view.width = Math.max(1, width / across);
    this.view.height = Math.max(1, height / down);
    this.boxes = this.panels.map((_, i) => [(i % across) * this.view.width, Math.floor(i / across) * this.view.height]);
    this.pixels = Math.min(window.devicePixelRatio || 1, 2);
    const [w, h] = [Math.round(width * this.pixels), Math.round(height * this.pixels)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
  }

  /** Draw everything at the next frame, now that nothing moves. */
  rest() {
    if (!this.panels) return;
    clearTimeout(this.resting);
    this.resting = null;
    this.stale = true;
    this.ask();
  }

  /** Draw at the next frame; everything once the map rests. */
  move() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST);
    this.ask();
  }

  ask() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    if (!this.stage.clientWidth || !this.stage.clientHeight) return;
    this.lay();
    if (this.stale) {
      this.chooseRings();
      this.key.measure();
    }
    this.stale = false;
    if (this.painter) {
      const { view, boxes, pixels } = this;
      this.painter.draw(view, boxes, { pixels, flat: this.hard.flat, moving: this.resting !== null, colours: this.colours() });
    } else this.still();
    this.over.draw();
    this.remember();
    const detail = { n: this.data.n, arrived: this.arrived, whole: this.resting === null };
    this.canvas.dispatchEvent(new CustomEvent("drawn", { bubbles: true, composed: true, detail })); // benchmarks listen
  }

  /** The picture a browser without WebGL gets, and one sentence. */
  still() {
    this.root.classList.add("still");
    this.picture ??= make("div", "picture");
    this.picture.replaceChildren(drawn(this, { legend: false }));
    this.stage.prepend(this.picture);
  }

  colours() {
    const style = getComputedStyle(this.root);
    const read = (name) => rgb(style.getPropertyValue(name)).map((value) => value / 255);
    return { paper: read("--st-background-color"), ink: read("--st-text-color"), warning: rgb(this.data.ring.colour).map((v) => v / 255) };
  }

  // -- gestures -----------------------------------------------------------------------------------------------

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.move();
  }

  zoom(factor, left, top) {
    if (left === undefined) this.view.zoomAt(factor);
    else this.view.zoomAt(factor, ...this.local([left, top]).slice(1));
    this.hover(null);
    this.move();
  }

  reset() {
    this.view.reset();
    this.rest();
  }

  /** The panel under a place on the canvas, and the place within that panel. */
  local([left, top]) {
    const { width, height } = this.view;
    const across = this.panels.length > 1 ? 2 : 1;
    const [column, row] = [Math.floor(left / width), Math.floor(top / height)];
    return [Math.min(this.panels.length - 1, Math.max(0, row * across + column)), left - column * width, top - row * height];
  }

  /** The row drawn at a place on the canvas, null where there is none. */
  find(at) {
    if (!this.panels) return null;
    const [panel, left, top] = this.local(at);
    const { base, scale } = this.view;
    const [x, y] = this.view.toMap(left, top);
    const reach = 12 / scale;
    let [best, nearest] = [null, 1];
    this.grid.within(x - reach, y - reach, x + reach, y + reach, (row) => {
      if (this.isFaint(row) && this.count === 0) return;
      const across = this.panels[panel].leftOut?.[row] ? base : diameter(base, this.hard.levels[row], this.hard.flat);
      const far = (Math.hypot(this.xy[2 * row] - x, this.xy[2 * row + 1] - y) * scale) / (across / 2 + 3);
      if (far < nearest) [best, nearest] = [row, far];
    });
    return best;
  }

  hover(at) {
    const row = at && this.find(at);
    if (row === this.hovered && row !== null) return;
    this.hovered = row;
    this.panel = at && row !== null ? this.local(at)[0] : 0;
    this.canvas.style.cursor = row !== null ? "pointer" : this.tool === "pan" ? "grab" : "crosshair";
    this.over.mark();
    this.card.show(row);
  }

  sketch(outline) {
    this.over.sketch(outline);
  }

  /** Select what lies in an area, drawn in css pixels on the canvas; of the highlighted classes only. */
  enclose(outline, mode) {
    if (!this.data.selects) return;
    const polygon = outline.map((corner) => this.view.toMap(...corner));
    const mask = enclosed(this.grid, polygon, this.data.n);
    if (this.highlight.size) mask.forEach((bit, row) => bit && !this.highlight.has(this.panels[0].codes[row]) && (mask[row] = 0));
    this.select(mask, mode);
    this.say({ kind: "area", polygon, mode, codes: this.highlight.size ? [...this.highlight] : null });
  }

  click(at, mode) {
    const row = this.find(at);
    if (row === null || !this.data.selects) return;
    const mask = new Uint8Array(this.data.n);
    mask[row] = 1;
    if (mode === "add" && this.picked[row]) mode = "remove";
    this.select(mask, mode);
    this.say({ kind: mode === "set" ? "open" : "row", row, mode });
  }

  open() {
    if (this.hovered !== null) this.click(this.over.centre(this.hovered), "set");
  }

  similar() {
    if (this.hovered !== null && this.data.similar) this.say({ kind: "similar", row: this.hovered });
  }

  clear() {
    this.highlight.clear();
    this.select(new Uint8Array(this.data.n), "set");
    if (this.data.selects) this.say({ kind: "clear" });
  }

  select(mask, mode) {
    const keep = { set: (bit) => bit, add: (bit, row) => bit | this.picked[row], remove: (bit, row) => this.picked[row] & ~bit }[mode];
    this.picked = mask.map(keep);
    this.upload();
  }

  /** Tell Python. The gesture's number is what the selection it made is known by. */
  say(gesture) {
    this.token = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
    this.remember();
    this.tell(gesture);
  }

  focus(code, more) {
    const only = this.highlight.has(code) && (more || this.highlight.size === 1);
    if (!more) this.highlight.clear();
    if (only) this.highlight.delete(code);
    else this.highlight.add(code);
    this.upload();
  }
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** [r, g, b] of "#rrggbb" or "rgb(...)". */
function rgb(text) {
  const value = text.trim();
  if (/^#[0-9a-f]{6}/i.test(value)) return [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
  return (value.match(/[\d.]+/g) ?? [255, 255, 255]).slice(0, 3).map(Number);
}

/** RGBA bytes: "none" first, then the colours; what shares the grey of the rest is drawn fainter. */
function palette({ colours, grey }) {
  return Uint8Array.from([grey, ...colours].flatMap((colour) => [...rgb(colour), colour === grey ? 150 : 255]));
}
