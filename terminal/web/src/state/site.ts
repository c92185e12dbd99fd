/** What the shell says of the site. */

export const root = document.getElementById("terminal") as HTMLElement;
export const isDemo = root.dataset["demo"] === "1";
