import "./jobs/users.ts";
import "./jobs/reports.ts";

export { app } from "./app.ts";
