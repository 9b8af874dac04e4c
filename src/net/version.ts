/** The version of this package, as it is told to brokers. A test holds it equal to the manifests. */
export const VERSION: string = "0.1.0";
