// One map: what it was told, what is selected and in focus, what gestures do. What is said here of a row is said of a
// point: rows are numbered as they lie in the arrays. Text reaches the page through textContent only.

const remembered = new Map(); // a map's key -> what outlives its element: the view, the selection, the focus

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
    this.stage = new Stage(this);
    this.key = new Key(this);
    this.tools = new Tools(this);
    const middle = make("div", "middle");
    middle.append(this.stage.element, this.tools.element);
    this.root.append(this.key.facts, middle, this.key.classes);
    this.root.prepend(make("style", "", STYLE));
    place.append(this.root);
    new Gestures(this, this.stage.canvas);
  }

  end() {
    this.stage.end();
    this.root.remove();
  }

  /** Panels in a row. */
  get across() {
    return this.panels.length > 1 ? 2 : 1;
  }

  // -- what Python says ---------------------------------------------------------------------------------------

  update(data, tell) {
    this.data = data;
    this.pending = true;
    this.tell = (gesture) => tell("gesture", { ...gesture, at: this.token });
    this.stage.canvas.setAttribute("aria-label", data.alt);
    if (!data.selects) this.tool = "pan";
    else if (!this.memory) this.tool = "lasso";
    this.load();
  }

  /** Take what Python named, once all of it has arrived. */
  load() {
    if (!this.pending) return;
    const { data } = this;
    const wanted = [...Object.values(data.columns), data.selection.rows, ...data.panels.flatMap((p) => [p.codes, p.leftOut])];
    if (!wanted.every((digest) => digest === null || column(digest))) return;
    const changed = (name, digest) => {
      const is = this.loaded[name] !== digest;
      this.loaded[name] = digest;
      return is;
    };
    this.pending = false;
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
      flat: this.hard.flat || !panel.sized,
    }));
    for (const panel of this.panels) panel.greys = greys(panel);
    if (moved) this.recall();
    if (changed("names", JSON.stringify(data.panels[0].names ?? null))) this.highlight.clear(); // codes mean others now
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
      const { picked, highlight, token, tool, labelled } = known;
      Object.assign(this, { picked, highlight, token, tool, labelled });
      this.loaded.names = known.names;
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
    const { places, names } = this.loaded;
    this.memory = { places, names, view: { x, y, zoom }, picked, highlight, token, tool, labelled };
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

  // -- looks --------------------------------------------------------------------------------------------------

  /** Hand the arrays to the card: places once, looks whenever something is selected, highlighted or coloured anew. */
  upload() {
    if (!this.panels) return;
    this.count = this.picked.reduce((sum, bit) => sum + bit, 0);
    if (this.stage.painter) {
      if (!this.sent) {
        const places = new Uint32Array(this.xy.buffer); // a pair at a time
        this.stage.painter.setPlaces(new Uint16Array(this.order.map((row) => places[row]).buffer));
        this.stage.painter.setCrowding(this.crowding);
        this.sent = true;
      }
      this.panels.forEach((panel, index) => {
        const looks = this.order.map((row) => this.look(panel, row));
        this.stage.painter.setPanel(index, looks, this.layers(panel), palette(panel), !panel.flat);
      });
    }
    this.key.fill();
    this.tools.fill();
    const still = "This browser draws no WebGL, so the map is a still picture: it can be looked at and saved.";
    this.stage.overlay.say(!this.grid.rows.length ? "No items to show here." : this.stage.painter ? "" : still);
    this.stage.rest();
  }

  /** What the card needs to know of a row beside its place, in 32 bits. */
  look(panel, row) {
    const faint = (this.isFaint(row) ? FAINT : 0) | (panel.leftOut?.[row] ? LEFT_OUT : 0);
    const state = this.shown[row] | faint | ((this.shapes?.[row] ?? 0) << 3) | (panel.greys[panel.codes[row]] ? GREY : 0);
    return (panel.codes[row] | (this.hard.levels[row] << 16) | (state << 26)) >>> 0;
  }

  isFaint(row) {
    return (this.count > 0 && !this.picked[row]) || (this.highlight.size > 0 && !this.highlight.has(this.panels[0].codes[row]));
  }

  /** The layers that can hold something, from below. */
  layers(panel) {
    const { leftOut, faint, grey, colour } = LAYERS;
    return [...(panel.leftOut ? [leftOut] : []), ...(this.count || this.highlight.size ? [faint] : []), grey, colour];
  }

  // -- gestures -----------------------------------------------------------------------------------------------

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.stage.move();
  }

  zoom(factor, left, top) {
    if (left === undefined) this.view.zoomAt(factor);
    else this.view.zoomAt(factor, ...this.local([left, top]).slice(1));
    this.hover(null);
    this.stage.move();
  }

  reset() {
    this.view.reset();
    this.stage.rest();
  }

  /** The panel under a place on the canvas, and the place within that panel. */
  local([left, top]) {
    const { width, height } = this.view;
    const [column, row] = [Math.floor(left / width), Math.floor(top / height)];
    const panel = Math.min(this.panels.length - 1, Math.max(0, row * this.across + column));
    return [panel, left - column * width, top - row * height];
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
      const across = this.panels[panel].leftOut?.[row] ? base : diameter(base, this.hard.levels[row], this.panels[panel].flat);
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
    this.stage.canvas.style.cursor = row !== null ? "pointer" : this.tool === "pan" ? "grab" : "crosshair";
    this.stage.overlay.mark();
    this.stage.card.show(row);
  }

  sketch(outline) {
    this.stage.overlay.sketch(outline);
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
    if (this.hovered !== null) this.click(this.stage.overlay.centre(this.hovered), "set");
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

/** Which codes are of no class or share the grey of the rest. */
function greys({ colours, grey }) {
  const flags = new Uint8Array(FULL + 1);
  colours.forEach((colour, code) => (flags[code] = colour === grey));
  flags[FULL] = 1;
  return flags;
}

/** RGBA bytes: "none" first, then the colours; what shares the grey of the rest is drawn fainter. */
function palette({ colours, grey }) {
  return Uint8Array.from([grey, ...colours].flatMap((colour) => [...rgb(colour), colour === grey ? 150 : 255]));
}
