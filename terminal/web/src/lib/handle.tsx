/** The edge of a pane: dragged, or moved with the arrow keys. How large the pane is stays remembered. */

import type { Signal } from "@preact/signals";

interface Props {
  label: string;
  /** Of the pane, in pixels. */
  size: Signal<number>;
  edge: "left" | "top";
  least: number;
  /** Of the window, at most. */
  share: number;
}

const STEP_PX = 24;

export function Handle({ label, size, edge, least, share }: Props) {
  const isTop = edge === "top";
  const most = () => (isTop ? innerHeight : innerWidth) * share;
  const set = (px: number) => (size.value = Math.round(Math.min(Math.max(px, least), most())));
  const [larger, smaller] = isTop ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  return (
    <div
      class={`handle ${edge}`}
      role="separator"
      aria-orientation={isTop ? "horizontal" : "vertical"}
      aria-label={label}
      aria-valuenow={size.value}
      aria-valuemin={least}
      tabIndex={0}
      onKeyDown={(event) => {
        const step = event.key === larger ? STEP_PX : event.key === smaller ? -STEP_PX : 0;
        if (step === 0) return;
        event.preventDefault();
        set(size.value + step);
      }}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={(event) => {
        if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
        set(size.value - (isTop ? event.movementY : event.movementX));
      }}
    />
  );
}
