// What the scripts of the page share: making elements, and writing numbers as the page does.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function choice(name, options, chosen, onchange) {
  const select = make("select", { onchange: () => onchange(select.value) },
    ...options.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
  return make("label", {}, `${name} `, select);
}

function signed(text) {
  return text.replace(/-/g, "−");
}

function short(value, digits = 4) {
  return Number.isFinite(value) ? signed(String(Number(value.toPrecision(digits)))) : "too large";
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
