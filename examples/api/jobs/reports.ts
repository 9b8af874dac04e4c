import { lazy } from "ottla";
import { app } from "../app.ts";

export const makeReport = app.job<void>({
  name: "make-report",
  queue: "reports",
  // Processes that only enqueue never load it.
  perform: lazy(() => import("./heavy.ts")),
});
