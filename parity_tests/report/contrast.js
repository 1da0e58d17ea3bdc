// Every text of the page with its contrast against what is painted behind it, by WCAG 2's relative luminance.
() => {
    const remembered = f => { const known = new Map(); return e => known.get(e) ?? (known.set(e, f(e)), known.get(e)); };
    const style = remembered(element => getComputedStyle(element));

    const opacity = remembered(element => element ? style(element).opacity * opacity(element.parentElement) : 1);
    const faded = (colour, alpha) => { // of "rgb(0 to 255, …)" or "color(srgb 0 to 1 …)"
        const [r, g, b, a = 1] = colour.match(/-?[\d.]+(?:e-?\d+)?/g).map(Number);
        return [...[r, g, b].map(c => colour.startsWith("rgb") ? c / 255 : c), a * alpha];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => a * c + (1 - a) * below[i]);

    const shapes = remembered(svg => [...svg.querySelectorAll("rect, path, circle, polygon, ellipse")]
        .filter(shape => !shape.closest("defs, clipPath") && /^(rgb|color)/.test(style(shape).fill))
        .map(shape => ({shape, box: shape.getBoundingClientRect()})));
    const background = remembered(element => element
        ? over(faded(style(element).backgroundColor, opacity(element)), background(element.parentElement)) : [1, 1, 1]);
    const behind = element => {
        const box = element.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
        const painted = ({shape, box}) => box.left < x && x < box.right && box.top < y && y < box.bottom
            && shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING
            && shape.isPointInFill(new DOMPoint(x, y).matrixTransform(shape.getScreenCTM().inverse()));
        const svg = element.closest("svg");
        return (svg ? shapes(svg) : []).filter(painted).reduce(
            (below, {shape}) => over(faded(style(shape).fill, opacity(shape) * style(shape).fillOpacity), below),
            background(element));
    };

    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const texts = [];
    for (const element of document.body.querySelectorAll("*")) {
        if (element.matches("script, style, title, desc") || !element.checkVisibility({visibilityProperty: true})) continue;
        const own = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim());
        const generated = ["::before", "::after"].map(pseudo => getComputedStyle(element, pseudo))
            .filter(({content}) => !["none", "normal", '""'].includes(content));
        for (const {color, fill, fillOpacity} of [...own ? [style(element)] : [], ...generated]) {
            const below = behind(element);
            const colour = element.closest("svg")
                ? faded(fill, opacity(element) * fillOpacity) : faded(color, opacity(element));
            const [light, dark] = [luminance(over(colour, below)), luminance(below)].sort((a, b) => b - a);
            texts.push({
                contrast: (light + 0.05) / (dark + 0.05), text: element.textContent, of: element.closest("[id]")?.id,
            });
        }
    }
    return texts;
}
