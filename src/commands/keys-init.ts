import { RingfenceError } from '../errors.ts';
import { keyOf } from '../crypto/key-store.ts';
import { KeyRoom } from './keys/key-room.ts';
import { keyStorePath, masterKeyPath } from './keys/private-files.ts';
import { EXIT, type GlobalOptions, type Output } from './output.ts';
import { readConfig } from './site.ts';

/** `ringfence keys init`: master key, CA, the gateway's keys. What is there already stays. */
export default async function keysInit(_: readonly string[], options: GlobalOptions, output: Output): Promise<number> {
  const config = readConfig(options, output);
  return await KeyRoom.with(
    config,
    async (room) => {
      const { domain, host } = room;
      if (room.keys.keys.length > 0) room.own(room.keys.keys[0]?.role ?? 'ca'); // the master key must be the right one
      if (keyOf(room.keys, 'ca') !== null && keyOf(room.keys, 'gateway-tls') !== null)
        throw new RingfenceError(
          'refused',
          `there are a CA and keys in ${keyStorePath(config)} already; they stay as they are`,
        );
      const made = room.makeMaster();
      if (made !== null) output.note(`ringfence: master key: ${made}`);
      const ca = keyOf(room.keys, 'ca') === null ? (await room.makeAuthority(true)).key.kid : room.own('ca').key.kid;
      for (const role of ['gateway', 'gateway-tls'] as const)
        if (keyOf(room.keys, role) === null) await room.makeOwn(role);
      const [gateway, tls] = [room.own('gateway').key.kid, room.own('gateway-tls').key.kid];
      const { path } = masterKeyPath(config);
      if (output.json)
        output.object({
          domain,
          gateway: host,
          ca,
          keys: { gateway, 'gateway-tls': tls },
          keyStore: keyStorePath(config),
          masterKey: path,
        });
      else {
        output.result(`CA of ${domain}: ${ca}`);
        output.result(`Gateway: ${gateway}; for TLS: ${tls}`);
        output.result(`Key store: ${keyStorePath(config)}, under the master key ${path}`);
      }
      if (host === '')
        output.note(
          "ringfence: [crypto] gateway is not set: enrolment tokens need it, and the gateway's certificate has no host",
        );
      output.note(
        'ringfence: NOW: ringfence keys backup FILE, and put that file elsewhere. Without the master key all of this is lost',
      );
      return EXIT.done;
    },
    true,
  );
}
