import "./jobs/users.ts";
import "./jobs/imports.ts";
import "./jobs/reports.ts";

export { app } from "./app.ts";
