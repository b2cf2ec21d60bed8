// The entry: keeps the maps on the page and the arrays that have arrived for them. Its parts (map_*.js) are one script
// with this file, which comes last; curation/ui/map/renderer.py is the other half. Arrays come as bytes, each in an
// element of its own and once: a map names the ones it needs and is drawn when all are there.

const columns = new Map(); // element -> {digest, buffer}
const maps = new Map(); // element -> PointMap

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
