"""``danaus run``: a model on a file, on a file bit by bit, or on what comes through a pipe."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ..models import Model, load
from . import answers, live, terminal
from .errors import UserError, printable
from .inputs import is_audio, read_input

__all__ = ["run"]

Float32Array = npt.NDArray[np.float32]

_INTERVAL = 0.1  # seconds of signal between two running answers


def run(options: argparse.Namespace) -> int:
    """The command."""
    model = load(options.model)
    sound = options.input == "-" and is_audio(model)
    _expect_possible(model, options, sound)
    if sound and not options.stream and model.pooled:
        live.run_words(model, json=options.json)
        return 0
    if options.stream or sound:
        outputs, report = _stream(model, options, sound)
    else:
        outputs, report = _whole(model, options)
    if options.out is not None:
        np.save(options.out, outputs)
        if not options.json:
            print(f"saved {options.out}: float32 {outputs.shape}")
    if options.json:
        terminal.emit_json(report)
    return 0


def _expect_possible(model: Model, options: argparse.Namespace, sound: bool) -> None:
    """Refuses what cannot be done before it is begun."""
    name = printable(model.name)
    if (options.stream or sound) and not model.causal:
        raise UserError(f"run: {name} must see whole sequences and cannot stream; give it a file, without --stream")
    if options.out is None:
        return
    if options.out.suffix != ".npy" or not options.out.parent.is_dir():
        raise UserError(f"run: -o must name a .npy file in a folder that exists, is {printable(options.out)}")
    if sound and not options.stream and model.pooled:
        raise UserError("run: -o needs one sequence of outputs, but words come one by one; add --stream, or --json")


def _whole(model: Model, options: argparse.Namespace) -> tuple[Float32Array, dict[str, Any]]:
    """The whole sequence at once."""
    rows = read_input(model, options.input)
    start = perf_counter()
    outputs = model(rows, threads=options.threads)
    seconds = perf_counter() - start
    report = _report(model, options, rows.shape[0], outputs)
    report["seconds_of_work"] = seconds
    if not options.json:
        print(f"{_title(model, rows.shape[0])}, whole, {seconds * 1e3:.3g} ms")
        _print_outputs(model, outputs, options)
    return outputs, report


def _stream(model: Model, options: argparse.Namespace, sound: bool) -> tuple[Float32Array, dict[str, Any]]:
    """Chunk by chunk, with a running answer, then against the whole."""
    chunks: Iterable[Float32Array]
    if sound:
        chunks = live.blocks(model, live.standard_input(model))
    else:
        rows = read_input(model, options.input)
        size = max(1, round(_INTERVAL * (model.sample_rate or 0) / model.frame)) * model.frame
        chunks = (rows[i : i + size] for i in range(0, len(rows), size))
    seen, outputs = _run_chunks(model, chunks, options.json)
    rows = np.concatenate(seen)
    final = outputs[-1] if model.pooled else outputs
    whole = model(rows, threads=options.threads)
    difference = float(np.abs(final - whole).max())
    report = {**_report(model, options, len(rows), final), "steps": len(outputs), "difference": difference}
    if not options.json:
        print(f"{_title(model, len(rows))}, streamed, max |stream - batch| = {difference:.2g}")
        _print_outputs(model, final, options)
    return outputs, report


def _run_chunks(model: Model, chunks: Iterable[Float32Array], json: bool) -> tuple[list[Float32Array], Float32Array]:
    """All chunks and all outputs; the last frame is filled with zeros, as whole sequences are."""
    stream, status = model.stream(), terminal.Status()
    seen, outputs, count, told = [], [], 0, 0
    per_line = max(1, round(_INTERVAL * (model.sample_rate or 0)))
    try:
        for chunk in chunks:
            seen.append(chunk)
            outputs.append(stream.run(chunk))
            count += len(chunk)
            if json or not model.pooled or not len(outputs[-1]) or count // per_line == told:
                continue
            told = count // per_line
            _running(model, count, outputs[-1][-1], status)
    except KeyboardInterrupt:  # what was heard so far is the sequence
        if not seen:
            raise
    status.clear()
    missing = -count % model.frame
    if missing:
        outputs.append(stream.run(np.zeros((missing, model.channels), np.float32)))
    return seen, np.concatenate(outputs)


def _running(model: Model, count: int, outputs: Float32Array, status: terminal.Status) -> None:
    label, value = answers.best(model, outputs)
    when = f"{count / model.sample_rate:8.2f} s" if model.sample_rate else f"{count:8d}"
    if status.shown:
        status.show(f"{when}  {label}  {terminal.bar(value) if model.labels else f'{value:.6g}'}")
    else:
        print(f"{when}  {label}  {value:.6g}" if not model.labels else f"{when}  {label}  {value:.3f}", flush=True)


def _title(model: Model, rows: int) -> str:
    length = f"{rows / model.sample_rate:.2f} s" if model.sample_rate else f"{rows} rows"
    return f"{printable(model.name)}: {length}"


def _report(model: Model, options: argparse.Namespace, rows: int, outputs: Float32Array) -> dict[str, Any]:
    """What both ways of running tell a script."""
    return {
        "model": model.name,
        "input": options.input,
        "rows": rows,
        "seconds": rows / model.sample_rate if model.sample_rate else None,
        "answer": answers.as_json(model, outputs) if model.pooled else None,
        "shape": list(outputs.shape),
        "saved": None if options.out is None else str(Path(options.out)),
    }


def _print_outputs(model: Model, outputs: Float32Array, options: argparse.Namespace) -> None:
    if model.pooled:
        print("\n".join(answers.lines(model, outputs, options.top)))
        return
    print(f"{len(outputs)} rows of {model.outputs} outputs, from {outputs.min():.6g} to {outputs.max():.6g}; the last:")
    print("\n".join(answers.lines(model, outputs[-1], options.top)))
    if options.out is None:
        print("-o out.npy saves them all")
