// What is computed from the arrays of a map, once when they arrive: arrays in, arrays out. Nothing here knows the page.

const FULL = 65535; // the largest coordinate; as a code: none
const LEVELS = 1023; // of difficulty
const SIDE = 256; // cells of the grid along each side, 256 coordinates wide

/** Rows by value, smallest first, equal ones as they came, NaN before all. A radix sort over 32 bits in two digits. */
function ascending(values) {
  const n = values.length;
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  for (let i = 0; i < n; i += 1) {
    // As unsigned integers floats sort by size once negative ones are turned over.
    bits[i] = values[i] !== values[i] ? 0 : bits[i] & 0x80000000 ? ~bits[i] : bits[i] | 0x80000000;
  }
  let rows = inOrder(n);
  for (const shift of [0, 16]) {
    const start = new Uint32Array(65537);
    for (let i = 0; i < n; i += 1) start[((bits[i] >>> shift) & FULL) + 1] += 1;
    for (let i = 0; i < 65536; i += 1) start[i + 1] += start[i];
    const sorted = new Uint32Array(n);
    for (let i = 0; i < n; i += 1) sorted[start[(bits[rows[i]] >>> shift) & FULL]++] = rows[i];
    rows = sorted;
  }
  return rows;
}

/** Uint32Array of 0..n-1. */
function inOrder(n) {
  const rows = new Uint32Array(n);
  for (let i = 0; i < n; i += 1) rows[i] = i;
  return rows;
}

/**
 * How hard each row is: the share of known rows that are easier, as 0..LEVELS, the hardest at LEVELS however many they
 * are; what is unknown counts as easiest. order: as `ascending` gives it. Returns {levels, unknown, flat}; flat when
 * all known values are equal.
 */
function difficulty(values, order) {
  const n = values.length;
  const levels = new Uint16Array(n);
  let unknown = 0;
  while (unknown < n && Number.isNaN(values[order[unknown]])) unknown += 1;
  let last = n - 1 - unknown; // how many are easier than the hardest
  while (last > 0 && values[order[unknown + last - 1]] === values[order[n - 1]]) last -= 1;
  const flat = last < 1 || values[order[unknown]] === values[order[n - 1]];
  for (let i = unknown, first = 0; i < n && !flat; i += 1) {
    if (values[order[i]] !== values[order[i - 1]]) first = i - unknown;
    levels[order[i]] = Math.round((LEVELS * first) / last);
  }
  return { levels, unknown, flat };
}

/** The numbers of the set bits, as numpy's packbits(bitorder="little") wrote them. */
function setBits(bytes, limit = Infinity) {
  const found = [];
  for (let byte = 0; byte < bytes.length; byte += 1) {
    for (let bits = bytes[byte], at = byte * 8; bits; bits >>= 1, at += 1) if (bits & 1 && at < limit) found.push(at);
  }
  return Uint32Array.from(found);
}

/** One byte per row, 0 or 1, out of packed bits. */
function unpacked(bytes, n) {
  const flags = new Uint8Array(n);
  for (let i = 0; i < n; i += 1) flags[i] = (bytes[i >> 3] >> (i & 7)) & 1;
  return flags;
}

/** The points by the cell they lie in: finds what is near, and says how crowded a place is. */
class Grid {
  constructor(xy, shown) {
    const n = xy.length / 2;
    this.xy = xy;
    this.start = new Uint32Array(SIDE * SIDE + 1);
    for (let i = 0; i < n; i += 1) if (shown[i]) this.start[this.cell(i) + 1] += 1;
    for (let i = 0; i < SIDE * SIDE; i += 1) this.start[i + 1] += this.start[i];
    const next = this.start.slice();
    this.rows = new Uint32Array(this.start[SIDE * SIDE]);
    for (let i = 0; i < n; i += 1) if (shown[i]) this.rows[next[this.cell(i)]++] = i;
  }

  cell(row) {
    return ((this.xy[2 * row + 1] >> 8) << 8) | (this.xy[2 * row] >> 8);
  }

  /** Call visit(cell) for the cells that touch a rectangle of coordinates. */
  cells(x0, y0, x1, y1, visit) {
    const clip = (value) => Math.min(SIDE - 1, Math.max(0, Math.floor(value / 256)));
    if (x1 < 0 || y1 < 0 || x0 > FULL || y0 > FULL) return;
    for (let y = clip(y0); y <= clip(y1); y += 1) for (let x = clip(x0); x <= clip(x1); x += 1) visit(y * SIDE + x);
  }

  /** Call visit(row) for the rows in those cells. */
  within(x0, y0, x1, y1, visit) {
    this.cells(x0, y0, x1, y1, (cell) => {
      for (let i = this.start[cell]; i < this.start[cell + 1]; i += 1) visit(this.rows[i]);
    });
  }

  /** Points per cell, smoothed over a cell's surroundings: Float32Array [SIDE * SIDE]. */
  crowding() {
    const counts = new Float32Array(SIDE * SIDE);
    for (let i = 0; i < counts.length; i += 1) counts[i] = this.start[i + 1] - this.start[i];
    return [1, SIDE, 2, 2 * SIDE].reduce(blurred, counts);
  }
}

function blurred(values, step) {
  const out = new Float32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    out[i] = 0.5 * values[i] + 0.25 * ((values[i - step] ?? 0) + (values[i + step] ?? 0));
  }
  return out;
}

/** How crowded it is around a typical point: the median over the points of `crowding`, in points per cell. */
function typical(grid, crowding) {
  const cells = inOrder(SIDE * SIDE).filter((cell) => grid.start[cell + 1] > grid.start[cell]);
  cells.sort((a, b) => crowding[a] - crowding[b]);
  let left = grid.rows.length / 2;
  for (const cell of cells) if ((left -= grid.start[cell + 1] - grid.start[cell]) <= 0) return crowding[cell];
  return 1;
}

/** Rows within a polygon of [x, y], by the even-odd rule: a Uint8Array mask of n. lasso.py says the same in Python. */
function enclosed(grid, polygon, n) {
  const mask = new Uint8Array(n);
  const xs = Float64Array.from(polygon, (corner) => corner[0]);
  const ys = Float64Array.from(polygon, (corner) => corner[1]);
  const edge = new Uint8Array(SIDE * SIDE); // cells an edge may pass; the points of any other are all in or all out
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i, i += 1) {
    const [x0, x1, y0, y1] = [Math.min(xs[i], xs[j]), Math.max(xs[i], xs[j]), Math.min(ys[i], ys[j]), Math.max(ys[i], ys[j])];
    grid.cells(x0, y0, x1, y1, (cell) => (edge[cell] = 1));
  }
  const holds = (row) => {
    const [x, y] = [grid.xy[2 * row], grid.xy[2 * row + 1]];
    let hit = 0;
    for (let i = 0, j = xs.length - 1; i < xs.length; j = i, i += 1) {
      if (ys[j] > y !== ys[i] > y && x < ((xs[i] - xs[j]) * (y - ys[j])) / (ys[i] - ys[j]) + xs[j]) hit ^= 1;
    }
    return hit;
  };
  grid.cells(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys), (cell) => {
    const rows = grid.rows.subarray(grid.start[cell], grid.start[cell + 1]);
    const all = rows.length && !edge[cell] ? holds(rows[0]) : 0;
    for (const row of rows) mask[row] = edge[cell] ? holds(row) : all;
  });
  return mask;
}

/** n colours along a list of "#rrggbb" stops. */
function ramp(stops, n) {
  const parts = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: n }, (_, i) => {
    const at = (i / (n - 1)) * (parts.length - 1);
    const low = Math.min(Math.floor(at), parts.length - 2);
    const mix = parts[low].map((value, c) => Math.round(value + (at - low) * (parts[low + 1][c] - value)));
    return `#${mix.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  });
}
