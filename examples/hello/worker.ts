// What `ottla dev` and `ottla worker` load: the app, and every file that defines jobs.
import "./jobs/greet.ts";

export { app } from "./app.ts";
