#!/usr/bin/env python3
"""Vectors of DH-HMAC-CHAP, computed with hashlib, hmac and pow alone: run it and compare with dhchap.json.

The primes are taken from OpenSSL (openssl genpkey -genparam -algorithm DH -pkeyopt group:NAME), not from the
formula that the code under test uses.
"""
import hashlib
import hmac
import json
import re
import struct
import subprocess

GROUPS = {"ffdhe2048": 2048, "ffdhe3072": 3072, "ffdhe4096": 4096, "ffdhe6144": 6144, "ffdhe8192": 8192}
HOST = "nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
SUBSYSTEM = "nqn.2026-11.io.basalt:vol"


def prime_of(group):
    pem = subprocess.run(
        ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{group}"],
        check=True, capture_output=True).stdout
    # named groups are printed by name; the numbers come from the parameters in PKCS#3 form
    text = subprocess.run(["openssl", "asn1parse"], input=pem, check=True, capture_output=True).stdout.decode()
    return int(max(re.findall(r"INTEGER\s+:([0-9A-F]+)", text), key=len), 16)


def pattern(length, seed):
    return bytes((i * 7 + seed * 31) & 0xFF for i in range(length))


def transform(key, key_hash, nqn):
    if key_hash is None:
        return key
    return hmac.new(key, nqn.encode() + b"NVMe-over-Fabrics", key_hash).digest()


def case(hash_name, group, key_hash, prime):
    length = hashlib.new(hash_name).digest_size
    host_key, controller_key = pattern(32, 1), pattern(48, 2)
    c1, c2 = pattern(length, 3), pattern(length, 4)
    s1, s2, transaction = 0x01020304, 0xFFFFFFFE, 0xBEEF
    out = {"hash": hash_name, "group": group, "keyHash": key_hash, "hostNqn": HOST, "subsystemNqn": SUBSYSTEM,
           "hostKey": host_key.hex(), "controllerKey": controller_key.hex(), "c1": c1.hex(), "c2": c2.hex(),
           "s1": s1, "s2": s2, "transaction": transaction}
    a1, a2 = c1, c2
    if group != "null":
        size = prime.bit_length() // 8
        x, y = int.from_bytes(pattern(64, 5), "big"), int.from_bytes(pattern(64, 6), "big")
        public_x, public_y = pow(2, x, prime), pow(2, y, prime)
        session = pow(public_y, x, prime).to_bytes(size, "big")
        assert session == pow(public_x, y, prime).to_bytes(size, "big")
        hashed = hashlib.new(hash_name, session).digest()
        a1, a2 = hmac.new(hashed, c1, hash_name).digest(), hmac.new(hashed, c2, hash_name).digest()
        out |= {"controllerPrivate": pattern(64, 5).hex(), "hostPrivate": pattern(64, 6).hex(),
                "controllerPublic": public_x.to_bytes(size, "big").hex(),
                "hostPublic": public_y.to_bytes(size, "big").hex(),
                "sessionKeySha256": hashlib.sha256(session).hexdigest()}
    r1 = hmac.new(transform(host_key, key_hash, HOST),
                  a1 + struct.pack("<IHB", s1, transaction, 0) + b"HostHost" + HOST.encode() + b"\0"
                  + SUBSYSTEM.encode(), hash_name).hexdigest()
    r2 = hmac.new(transform(controller_key, key_hash, SUBSYSTEM),
                  a2 + struct.pack("<IHB", s2, transaction, 0) + b"Controller" + SUBSYSTEM.encode() + b"\0"
                  + HOST.encode(), hash_name).hexdigest()
    return out | {"r1": r1, "r2": r2}


primes = {group: prime_of(group) for group in GROUPS}
for group, bits in GROUPS.items():
    assert primes[group].bit_length() == bits
hashes = ["sha256", "sha384", "sha512"]
cases = [case(h, g, k, primes.get(g)) for h in hashes for g in ("null", "ffdhe2048") for k in (None, *hashes)]
cases += [case("sha512", g, "sha384", primes[g]) for g in GROUPS if g != "ffdhe2048"]
print(json.dumps({
    "primesSha256": {g: hashlib.sha256(p.to_bytes(GROUPS[g] // 8, "big")).hexdigest() for g, p in primes.items()},
    "cases": cases,
}, indent=2))
