"use strict";
// On a phone a record's page is at most a few screens long: what is beyond folds, the last part
// first, and opens at a touch. What has an error stays open, and what a browser refuses is opened.
(() => {
    const SCREENS_MAX = 3.9;
    const isLong = () => document.documentElement.scrollHeight > SCREENS_MAX * innerHeight;

    function fold(part) {
        const [heading, ...rest] = part.children;
        const details = document.createElement("details");
        details.className = "folded";
        const summary = document.createElement("summary");
        part.insertBefore(details, heading);
        summary.append(heading);
        details.append(summary, ...rest);
    }

    function foldBeyond() {
        if (!matchMedia("(width < 64rem)").matches) return;
        const parts = [...document.querySelectorAll(".record-table, form fieldset.module")];
        for (const part of parts.reverse()) {
            if (!isLong()) return;
            const isAlone = part.children.length > 1 && !part.closest("details");
            if (isAlone && !part.querySelector("details, .errorlist")) fold(part);
        }
    }

    addEventListener("load", foldBeyond);
    addEventListener(
        "invalid",
        (event) => {
            const folded = event.target.closest("details.folded");
            if (folded) folded.open = true;
        },
        true,
    );
})();
