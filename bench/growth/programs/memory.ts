import process from "node:process";

const MEGABYTE = 1_000_000;

/** Megabytes of a process over some time. */
export interface MemoryWatch {
  /** Resident, at its highest. */
  peak(): number;
  /** What is still used once all garbage is gone: objects, and buffers beside them. */
  held(): number;
  /** Resident, once all garbage is gone. */
  resident(): number;
}

export function watchMemory(): MemoryWatch {
  let peak = 0;
  const look = (): number => {
    const resident = process.memoryUsage.rss() / MEGABYTE;
    peak = Math.max(peak, resident);
    return resident;
  };
  setInterval(look, 20).unref();
  return {
    peak() {
      look();
      return peak;
    },
    held() {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return (heapUsed + arrayBuffers) / MEGABYTE;
    },
    resident() {
      collect();
      return look();
    },
  };
}

function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("memory is measured without garbage: it needs --expose-gc");
  gc();
  // What was kept for objects that only now are gone.
  gc();
}
