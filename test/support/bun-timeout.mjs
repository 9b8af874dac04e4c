// Bun gives a test five seconds where it does not say otherwise; the other runtimes give it as long as it takes.
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(120_000);
