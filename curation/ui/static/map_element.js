// The small script of the elements a map is made of: its arrays and itself. What draws it is a script of its own
// (map.js), in an element that never changes; this way a map that changes does not bring its script again.

export default function (component) {
  const map = (globalThis.winnowMap ??= { early: [] });
  if (map.receive) map.receive(component);
  else map.early.push(component); // the script is still on its way
  return () => globalThis.winnowMap.leave?.(component.parentElement);
}
