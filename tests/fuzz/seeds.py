# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzzers: small files that are right, and some that are not quite."""

import json
import struct
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def container(header: object, data: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def main() -> None:
    every = {
        name: tensor(name, [4], 4 * bits * i // 8, 4 * bits * (i + 1) // 8)
        for bits, names in ((64, ["F64", "I64", "U64", "C64"]), (16, ["F16", "BF16", "I16", "U16"]))
        for i, name in enumerate(names)
    }
    wide = {key: every[key] for key in ("F64", "I64", "U64", "C64")}
    half = {key: every[key] for key in ("F16", "BF16", "I16", "U16")}
    model = {
        "__metadata__": {"format": "pt", "config": '{"layers":[{"width":2}]}'},
        "layers.0.weight": tensor("F32", [2, 3], 0, 24),
        "layers.0.bias": tensor("F32", [2], 24, 32),
        "scale": tensor("F32", [], 32, 36),
        "none": tensor("F32", [0, 5], 36, 36),
    }
    containers = {
        "empty": container({}, b""),
        "metadata": container({"__metadata__": {"é": "\n"}}, b""),
        "wide": container(wide, bytes(range(128))),
        "half": container(half, bytes(range(32))),
        "narrow": container({"a": tensor("F4", [6], 0, 3), "b": tensor("F6_E2M3", [4], 3, 6)}, b"abcdef"),
        "model": container(model, bytes(range(36))),
        "hole": container({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, b"abc"),
        "overlap": container({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, b"abc"),
        "overflow": container({"a": tensor("U8", [2**32, 2**32, 0], 0, 0)}, b""),
    }
    texts = {
        "values": '{"a":[1,-2.5e-3,true,false,null,"x\\u00e9\\ud83d\\ude00\\n"],"b":{"c":{}},"d":[]}',
        "numbers": "[0,-0,1e308,5e-324,18446744073709551615,-9223372036854775808,0.1]",
        "deep": "[" * 64 + "]" * 64,
        "spaces": ' \t\n\r{ "a" : [ 1 , 2 ] } ',
        "utf8": '"é😀\u07ff\uffff"',
    }
    for folder, files in (("container", containers), ("json", {k: v.encode() for k, v in texts.items()})):
        (CORPUS / folder).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (CORPUS / folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
