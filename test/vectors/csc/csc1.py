#!/usr/bin/env python3
"""CSC/1 in Python, written from docs/csc.md alone: a second implementation to hold the first against.

    csc1.py vectors                       the test vectors, JSON; the same at every run
    csc1.py client  SETTINGS.json         a client: connects, shakes hands, says a message, asks for the key, closes
    csc1.py gateway SETTINGS.json         a gateway: prints its port, takes one client, sends each message back
    csc1.py box-seal SETTINGS.json        a box of a secret call
    csc1.py box-open SETTINGS.json        what is in one

Needs the packages cryptography and pyOpenSSL (Debian: python3-openssl). No secret of anybody is in here: what the vectors
need is computed from a text that stands below, RSA keys come from files.
"""

import base64
import hashlib
import hmac
import json
import re
import socket
import struct
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CLIENT_HELLO, SERVER_HELLO, PROOF, AUTH, READY = 1, 2, 3, 4, 5
SIP, KEY_REQUEST, KEY_RESPONSE, PING, PONG, CLOSE = 0x10, 0x11, 0x12, 0x13, 0x14, 0x1F
ZERO_NONCE = bytes(12)


class Refused(Exception):
    pass


# Encodings


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text, length=None):
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Refused("base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(data) != text or (length is not None and len(data) != length):
        raise Refused("base64url")
    return data


def write(fields):
    """JSON in its one form: the fields in the order given, no blanks."""
    out = json.dumps(fields, separators=(",", ":"), ensure_ascii=True)
    if "\\" in out or not all(0x20 <= ord(c) <= 0x7E for c in out):
        raise Refused("text")
    return out.encode()


def read(data, keys):
    try:
        fields = json.loads(data.decode("ascii"))
    except ValueError:
        raise Refused("JSON") from None
    if not isinstance(fields, dict) or list(fields) != keys or write(fields) != data:
        raise Refused("JSON")
    return fields


def frame(kind, payload):
    return struct.pack(">BI", kind, len(payload)) + payload


# Primitives


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hkdf(ikm, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(ikm)


def labelled(label, *parts):
    return label + b"\0" + b"".join(parts)


PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


def oaep(label):
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)


def spki_of(public):
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def kid_of(public):
    return sha256(spki_of(public))


def verify(public, signature, data):
    try:
        public.verify(signature, data, PSS, hashes.SHA256())
        return True
    except Exception:  # pylint: disable=broad-except
        return False


def seal(key, nonce, kind, plain):
    header = struct.pack(">BI", kind, len(plain) + 16)
    return header + ChaCha20Poly1305(key).encrypt(nonce, plain, header)


def unseal(key, nonce, whole):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, whole[5:], whole[:5])
    except Exception:  # pylint: disable=broad-except
        raise Refused("tag") from None


def agree(secret, theirs):
    try:
        shared = secret.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError:
        raise Refused("small order") from None
    if shared == bytes(32):
        raise Refused("small order")
    return shared


def epk_of(secret):
    return secret.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class Direction:
    """Key and sequence number of one direction."""

    def __init__(self, key, seq=0):
        self.key, self.seq = key, seq

    def _next(self):
        if self.seq and self.seq % (1 << 20) == 0:
            self.key = hkdf(self.key, b"", b"csc/1 rekey")
        nonce = bytes(4) + struct.pack(">Q", self.seq)
        self.seq += 1
        return nonce

    def seal(self, kind, plain):
        nonce = self._next()
        return seal(self.key, nonce, kind, plain)

    def unseal(self, whole):
        nonce = self._next()
        return unseal(self.key, nonce, whole)


def handshake_keys(shared, h3):
    return hkdf(shared, h3, b"csc/1 hs c2s"), hkdf(shared, h3, b"csc/1 hs s2c")


def session_keys(shared, s1, h5):
    return hkdf(shared + s1, h5, b"csc/1 c2s"), hkdf(shared + s1, h5, b"csc/1 s2c")


def hello(kind, kid_s, epk, rnd):
    return frame(kind, write({"v": 1, "gw": b64(kid_s), "epk": b64(epk), "rnd": b64(rnd)}))


def read_hello(payload, kid_s):
    fields = read(payload, ["v", "gw", "epk", "rnd"])
    if fields["v"] != 1 or isinstance(fields["v"], bool) or unb64(fields["gw"], 32) != kid_s:
        raise Refused("version or gateway")
    unb64(fields["rnd"], 32)
    return unb64(fields["epk"], 32)


def server_said(h2, exporter, kid_s):
    return labelled(b"csc/1 server", h2, exporter, kid_s)


def client_said(h3, exporter, kid_s, kid_c, inst, name):
    return labelled(b"csc/1 client", h3, exporter, kid_s, kid_c, inst, name)


# The handshake over a connection: `tls` has send, recv (exactly so many bytes) and exporter


def read_frame(tls, kind, least=1, most=16384):
    header = tls.recv(5)
    length = struct.unpack(">I", header[1:])[0]
    if (kind is not None and header[0] != kind) or not least <= length <= most:
        raise Refused("frame %d, %d bytes" % (header[0], length))
    return header + tls.recv(length)


def client_handshake(tls, gateway, key, name, inst, random):
    """gateway: the pinned public key. Returns both directions and the gateway's clock."""
    kid_s, kid_c = kid_of(gateway), kid_of(key.public_key())
    secret = X25519PrivateKey.from_private_bytes(random("client scalar"))
    one = hello(CLIENT_HELLO, kid_s, epk_of(secret), random("client rnd"))
    tls.send(one)
    two = read_frame(tls, SERVER_HELLO)
    shared = agree(secret, read_hello(two[5:], kid_s))
    three = read_frame(tls, PROOF)
    proof = unb64(read(three[5:], ["sig"])["sig"])
    if not verify(gateway, proof, server_said(sha256(one, two), tls.exporter, kid_s)):
        raise Refused("the gateway's proof")
    h3 = sha256(one, two, three)
    to_server, to_client = handshake_keys(shared, h3)
    said = client_said(h3, tls.exporter, kid_s, kid_c, inst, name.encode())
    sig = key.sign(said, PSS, hashes.SHA256())
    auth = write({"id": name, "kid": b64(kid_c), "inst": b64(inst), "sig": b64(sig)})
    four = seal(to_server, ZERO_NONCE, AUTH, auth)
    tls.send(four)
    five = read_frame(tls, READY)
    ready = read(unseal(to_client, ZERO_NONCE, five), ["wrap", "now"])
    s1 = key.decrypt(unb64(ready["wrap"]), oaep(b"csc/1 s1"))
    if len(s1) != 32:
        raise Refused("secret")
    out, back = session_keys(shared, s1, sha256(one, two, three, four, five))
    return Direction(out), Direction(back), ready["now"]


def gateway_handshake(tls, key, clients, random):
    """clients: account -> public key. Returns both directions, the account and the instance."""
    kid_s = kid_of(key.public_key())
    one = read_frame(tls, CLIENT_HELLO)
    secret = X25519PrivateKey.from_private_bytes(random("server scalar"))
    shared = agree(secret, read_hello(one[5:], kid_s))
    two = hello(SERVER_HELLO, kid_s, epk_of(secret), random("server rnd"))
    proof = key.sign(server_said(sha256(one, two), tls.exporter, kid_s), PSS, hashes.SHA256())
    three = frame(PROOF, write({"sig": b64(proof)}))
    tls.send(two + three)
    h3 = sha256(one, two, three)
    to_server, to_client = handshake_keys(shared, h3)
    four = read_frame(tls, AUTH)
    auth = read(unseal(to_server, ZERO_NONCE, four), ["id", "kid", "inst", "sig"])
    public = clients.get(auth["id"])
    if public is None or unb64(auth["kid"], 32) != kid_of(public):
        raise Refused("unknown")
    inst = unb64(auth["inst"], 16)
    said = client_said(h3, tls.exporter, kid_s, kid_of(public), inst, auth["id"].encode())
    if not verify(public, unb64(auth["sig"]), said):
        raise Refused("the client's proof")
    s1 = random("s1")
    ready = write({"wrap": b64(public.encrypt(s1, oaep(b"csc/1 s1"))), "now": int(time.time() * 1000)})
    five = seal(to_client, ZERO_NONCE, READY, ready)
    tls.send(five)
    back, out = session_keys(shared, s1, sha256(one, two, three, four, five))
    return Direction(out), Direction(back), auth["id"], inst


def read_record(tls, back):
    whole = read_frame(tls, None, 16, 65552)
    return whole[0], back.unseal(whole)


# Boxes


def bind_of(call_id, from_tag, cseq, body):
    return sha256(call_id.encode() + b"\0" + from_tag.encode() + b"\0" + str(cseq).encode() + b"\0" + body)


def box_json(to, sender, bind, at, nonce):
    return write({"v": 1, "to": to, "from": sender, "bind": b64(bind), "at": at, "nonce": b64(nonce)})


def box_plain(contents, signature):
    return (struct.pack(">H", len(contents)) + contents).ljust(512, b"\0") + signature


def box_said(label, kid_recipient, kid_sender, contents):
    return labelled(label, kid_recipient, kid_sender, contents)


def box_of(label, kid_recipient, k, wrapped, plain):
    sealed = ChaCha20Poly1305(k).encrypt(ZERO_NONCE, plain, labelled(label, kid_recipient))
    return b64(b"\x01" + wrapped + sealed)


def box_seal(label, contents, recipient, sender, k):
    kid_r = kid_of(recipient)
    signature = sender.sign(box_said(label, kid_r, kid_of(sender.public_key()), contents), PSS, hashes.SHA256())
    return box_of(label, kid_r, k, recipient.encrypt(k, oaep(label)), box_plain(contents, signature))


def box_open(label, box, recipient, sender):
    data = unb64(box)
    size = recipient.key_size // 8
    if data[:1] != b"\x01":
        raise Refused("form")
    k = recipient.decrypt(data[1 : 1 + size], oaep(label))
    kid_r = kid_of(recipient.public_key())
    plain = ChaCha20Poly1305(k).decrypt(ZERO_NONCE, data[1 + size :], labelled(label, kid_r))
    length = struct.unpack(">H", plain[:2])[0]
    contents, zeros, signature = plain[2 : 2 + length], plain[2 + length : 512], plain[512:]
    if zeros.strip(b"\0") or not verify(sender, signature, box_said(label, kid_r, kid_of(sender), contents)):
        raise Refused("box")
    return read(contents, ["v", "to", "from", "bind", "at", "nonce"])


# Vectors


def fixed(name, length=32):
    """Bytes for a name: no secret, anybody can compute them."""
    out = b""
    while len(out) < length:
        out += sha256(b"ringfence csc/1 test vectors", bytes([len(out) // 32]), name.encode())
    return out[:length]


def vectors():
    exporter, kid_s, kid_c = fixed("exporter"), fixed("gateway kid"), fixed("client kid")
    inst, s1, now = fixed("inst", 16), fixed("s1"), 1795953600000
    client = X25519PrivateKey.from_private_bytes(fixed("client scalar"))
    server = X25519PrivateKey.from_private_bytes(fixed("server scalar"))
    one = hello(CLIENT_HELLO, kid_s, epk_of(client), fixed("client rnd"))
    two = hello(SERVER_HELLO, kid_s, epk_of(server), fixed("server rnd"))
    # RSA signs and encrypts with randomness: in the vectors these are bytes, not signatures
    proof, sig, wrap = fixed("server signature", 256), fixed("client signature", 256), fixed("wrapped s1", 256)
    three = frame(PROOF, write({"sig": b64(proof)}))
    shared = agree(client, epk_of(server))
    h2, h3 = sha256(one, two), sha256(one, two, three)
    to_server, to_client = handshake_keys(shared, h3)
    auth = write({"id": "1004", "kid": b64(kid_c), "inst": b64(inst), "sig": b64(sig)})
    four = seal(to_server, ZERO_NONCE, AUTH, auth)
    ready = write({"wrap": b64(wrap), "now": now})
    five = seal(to_client, ZERO_NONCE, READY, ready)
    h5 = sha256(one, two, three, four, five)
    out, back = session_keys(shared, s1, h5)

    message = b"OPTIONS sip:example.com SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    said = [(PING, fixed("ping", 8)), (SIP, message), (KEY_REQUEST, write({"of": "gateway"})), (CLOSE, b"")]
    direction = Direction(out)
    records = [
        {"seq": direction.seq, "type": kind, "plain": plain.hex(), "record": direction.seal(kind, plain).hex()}
        for kind, plain in said
    ]
    second = hkdf(out, b"", b"csc/1 rekey")
    third = hkdf(second, b"", b"csc/1 rekey")
    late = []
    for key, seq in [(out, (1 << 20) - 1), (second, 1 << 20), (second, (1 << 21) - 1), (third, 1 << 21)]:
        nonce = bytes(4) + struct.pack(">Q", seq)
        late.append({"seq": seq, "key": key.hex(), "record": seal(key, nonce, SIP, message).hex()})

    boxes = []
    body = b"v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\n"
    for kind in ["callee", "caller"]:
        label = b"csc/1 " + kind.encode()
        bind = bind_of("a84b4c76e66710@192.0.2.1", "1928301774", 314159, body)
        contents = box_json("sip:+4930123456@example.com", "sip:1004@example.com", bind, now, fixed("nonce", 16))
        plain = box_plain(contents, fixed("box signature", 256))
        boxes.append(
            {
                "kind": kind,
                "callId": "a84b4c76e66710@192.0.2.1",
                "fromTag": "1928301774",
                "cseq": 314159,
                "body": body.hex(),
                "bind": bind.hex(),
                "json": contents.decode(),
                "signed": box_said(label, kid_s, kid_c, contents).hex(),
                "plain": plain.hex(),
                "k": fixed("box key").hex(),
                "wrapped": fixed("wrapped box key", 256).hex(),
                "box": box_of(label, kid_s, fixed("box key"), fixed("wrapped box key", 256), plain),
            }
        )

    k, csr, chain = fixed("token", 16), fixed("CSR", 300), [fixed("certificate", 400), fixed("CA", 400)]
    mac = lambda label, *parts: hmac.new(k, labelled(label, exporter, *parts), hashlib.sha256).digest()
    tid = sha256(labelled(b"csc/1 tid", k))[:16]
    request = write({"tid": b64(tid), "csr": b64(csr), "mac": b64(mac(b"csc/1 enrol", csr))})
    answer = write({"chain": [b64(one) for one in chain], "mac": b64(mac(b"csc/1 enrolled", *chain))})

    text = lambda data: data.hex()
    return {
        "about": "CSC/1 test vectors, made by csc1.py vectors; bytes in hex; every secret is computed from a published text",
        "handshake": {
            "exporter": text(exporter),
            "gatewayKid": text(kid_s),
            "clientKid": text(kid_c),
            "inst": text(inst),
            "id": "1004",
            "clientScalar": text(fixed("client scalar")),
            "serverScalar": text(fixed("server scalar")),
            "clientRnd": text(fixed("client rnd")),
            "serverRnd": text(fixed("server rnd")),
            "s1": text(s1),
            "now": now,
            "shared": text(shared),
            "frames": [text(whole) for whole in [one, two, three, four, five]],
            "h2": text(h2),
            "h3": text(h3),
            "h5": text(h5),
            "serverSigns": text(server_said(h2, exporter, kid_s)),
            "serverSignature": text(proof),
            "clientSigns": text(client_said(h3, exporter, kid_s, kid_c, inst, b"1004")),
            "clientSignature": text(sig),
            "wrap": text(wrap),
            "authPlain": auth.decode(),
            "readyPlain": ready.decode(),
            "hsToServer": text(to_server),
            "hsToClient": text(to_client),
            "toServer": text(out),
            "toClient": text(back),
        },
        "records": {"key": text(out), "first": records, "rekeyed": late},
        "boxes": {"recipientKid": text(kid_s), "senderKid": text(kid_c), "boxes": boxes},
        "enrolment": {
            "k": text(k),
            "exporter": text(exporter),
            "csr": text(csr),
            "chain": [text(one) for one in chain],
            "request": text(frame(0x21, request)),
            "answer": text(frame(0x22, answer)),
        },
    }


# Over TLS


class Tls:
    def __init__(self, connection):
        self.connection = connection
        self.exporter = connection.export_keying_material(b"EXPORTER-csc/1", 32, b"")

    def send(self, data):
        self.connection.sendall(data)

    def recv(self, length):
        data = b""
        while len(data) < length:
            data += self.connection.recv(length - len(data))
        return data


def context_of(settings):
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    if "certificate" in settings:
        context.use_certificate_chain_file(settings["certificate"])
        context.use_privatekey_file(settings["tlsKey"])
        context.set_alpn_select_callback(lambda _, offered: b"csc/1" if b"csc/1" in offered else b"")
    else:
        context.load_verify_locations(settings["ca"])
        context.set_verify(SSL.VERIFY_PEER, lambda _c, _x, _e, _d, ok: bool(ok))
        context.set_alpn_protos([b"csc/1"])
    return context


def private_key(path):
    with open(path, "rb") as file:
        return serialization.load_pem_private_key(file.read(), None)


def public_key(path):
    with open(path, "rb") as file:
        return serialization.load_der_public_key(file.read())


def random_bytes(_name):
    import os

    return os.urandom(32)


def run_client(settings):
    from OpenSSL import SSL

    connection = SSL.Connection(context_of(settings), socket.create_connection(("127.0.0.1", settings["port"]), 10))
    connection.get_context()
    connection.set_connect_state()
    # pyOpenSSL wants a socket that waits
    connection.setblocking(1)
    connection.do_handshake()
    if connection.get_alpn_proto_negotiated() != b"csc/1":
        raise Refused("ALPN")
    tls = Tls(connection)
    out, back, now = client_handshake(
        tls,
        public_key(settings["gateway"]),
        private_key(settings["key"]),
        settings["account"],
        unb64(settings["inst"], 16),
        random_bytes,
    )
    result = {"now": now, "messages": []}
    tls.send(out.seal(PING, b"pingpong"))
    tls.send(out.seal(SIP, settings["message"].encode()))
    tls.send(out.seal(KEY_REQUEST, write({"of": "gateway"})))
    closing = False
    while True:
        kind, plain = read_record(tls, back)
        if kind == PING:
            tls.send(out.seal(PONG, plain))
        elif kind == PONG:
            result["pong"] = plain.decode()
        elif kind == SIP:
            result["messages"].append(plain.decode())
        elif kind == KEY_RESPONSE:
            fields = read(plain, ["kid", "spki", "crl"])
            result["kid"] = fields["kid"]
            result["kidIsOfKey"] = sha256(unb64(fields["spki"])) == unb64(fields["kid"], 32)
        elif kind == CLOSE and closing:
            return result
        else:
            raise Refused("record %d" % kind)
        if result["messages"] and "kid" in result and "pong" in result and not closing:
            closing = True
            tls.send(out.seal(CLOSE, b""))


def run_gateway(settings):
    from OpenSSL import SSL

    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    accepted, _ = listener.accept()
    connection = SSL.Connection(context_of(settings), accepted)
    connection.set_accept_state()
    connection.do_handshake()
    tls = Tls(connection)
    clients = {settings["account"]: public_key(settings["client"])}
    key = private_key(settings["key"])
    out, back, name, inst = gateway_handshake(tls, key, clients, random_bytes)
    result = {"account": name, "inst": b64(inst), "messages": [], "pings": 0}
    while True:
        kind, plain = read_record(tls, back)
        if kind == PING:
            result["pings"] += 1
            tls.send(out.seal(PONG, plain))
        elif kind == SIP:
            result["messages"].append(plain.decode())
            tls.send(out.seal(SIP, plain))
        elif kind == KEY_REQUEST:
            read(plain, ["of"])
            spki = spki_of(key.public_key())
            tls.send(out.seal(KEY_RESPONSE, write({"kid": b64(sha256(spki)), "spki": b64(spki), "crl": ""})))
        elif kind == CLOSE:
            tls.send(out.seal(CLOSE, b""))
            return result
        else:
            raise Refused("record %d" % kind)


def run_box(settings, opening):
    label = b"csc/1 " + settings["kind"].encode()
    if opening:
        return box_open(label, settings["box"], private_key(settings["recipient"]), public_key(settings["sender"]))
    bind = bind_of(settings["callId"], settings["fromTag"], settings["cseq"], settings["body"].encode())
    contents = box_json(settings["to"], settings["from"], bind, settings["at"], unb64(settings["nonce"], 16))
    recipient, sender = public_key(settings["recipient"]), private_key(settings["sender"])
    return {"box": box_seal(label, contents, recipient, sender, random_bytes("k"))}


def main(command, *rest):
    if command == "vectors":
        print(json.dumps(vectors(), indent=1))
        return
    with open(rest[0], encoding="utf-8") as file:
        settings = json.load(file)
    run = {
        "client": run_client,
        "gateway": run_gateway,
        "box-seal": lambda s: run_box(s, False),
        "box-open": lambda s: run_box(s, True),
    }[command]
    print(json.dumps(run(settings)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
