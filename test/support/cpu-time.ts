/**
 * CPU time this process has used, in milliseconds. What a test says about the cost of hostile input is said in it, for the
 * clock on the wall counts what other processes of the machine do as well.
 */
export const cpuTime = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
