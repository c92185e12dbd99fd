"use strict";
// A column of nothing but figures stands to the right, so that its digits are below each other.
(() => {
    const FIGURE = /^[+-]?[\d,]+(\.\d+)?( ?(%|×|ms|s|min|h|[A-Z]{2,8}))?$/;
    const NOTHING = /^[–-]?$/;

    function isOfFigures(cells) {
        const texts = cells.map((cell) => cell.textContent.trim());
        const isHeading = cells.some((cell) => cell.tagName === "TH");
        const isFull = texts.every((text) => FIGURE.test(text) || NOTHING.test(text));
        return !isHeading && isFull && texts.some((text) => FIGURE.test(text));
    }

    function align(table) {
        const rows = [...table.querySelectorAll("tbody > tr, tfoot > tr")];
        const [head] = table.querySelectorAll("thead > tr");
        for (const heading of head?.cells ?? []) {
            const column = heading.cellIndex;
            const cells = rows.map((row) => row.cells[column]).filter((cell) => cell);
            if (column === 0 || !isOfFigures(cells)) continue;
            for (const cell of [heading, ...cells]) cell.classList.add("figure");
        }
        table.dataset.aligned = "";
    }

    function alignAll() {
        document.querySelectorAll("table:is(.cards, .result-list):not([data-aligned])").forEach(align);
    }

    addEventListener("DOMContentLoaded", () => {
        alignAll();
        // What a page asks for as it is looked at comes later.
        new MutationObserver(alignAll).observe(document.body, {childList: true, subtree: true});
    });
})();
