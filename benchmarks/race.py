"""One contender's race in a process of its own: its answer is checked, then it is timed.

`runner.py` starts it once per contender, so that thread pools of different libraries do not disturb
each other and a crash ends one race alone. The result is a JSON file, the record.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import warnings
from pathlib import Path

from embedding_data import NotAvailable

# Rounds last this long together, within these bounds.
_SECONDS, _MOST_ROUNDS = 4.0, 20
# After this long, fewer rounds than asked for must do.
_LONG = 600.0
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
# By how much a step of a greedy answer in float32 may miss the best one.
_ROUNDING = 1e-4


def load_contender(folder, name):
    """The module of a contender; NotAvailable where a peer's library is not installed."""
    try:
        module = importlib.import_module(f"{folder}.contender_{name}")
    except ModuleNotFoundError as error:
        # A peer that is not installed does not run; one of our own modules must be there.
        if error.name is None or error.name.startswith("thinset"):
            raise
        raise NotAvailable(f"{error.name} is not installed") from None
    reason = getattr(module, "why_not", lambda: None)()
    if reason:
        raise NotAvailable(reason)
    return module


def judge(problem, contender, answer):
    """("exact" | "rounded" | "wrong" | "failed", why).

    An answer that differs from the reference is a failure, unless its contender announced it
    (MAY_BE_WRONG). It is "rounded" then, and timed, where every step was as good as the best
    possible one but for float32 rounding; otherwise "wrong".
    """
    try:
        problem.check(answer)
    except AssertionError as error:
        reason = getattr(contender, "MAY_BE_WRONG", None)
        if reason is None:
            return "failed", f"wrong answer: {' '.join(str(error).split())[:300]}"
        if hasattr(problem, "shortfall") and problem.shortfall(answer) <= _ROUNDING:
            return "rounded", reason
        return "wrong", reason
    return "exact", ""


def time_rounds(run, before_round, *, least_rounds, clock=time.perf_counter, shortest=0.0):
    """Seconds of every round, on average over the runs that it takes to last `shortest` seconds."""
    n_runs, seconds = 1, []
    if shortest > 0:
        start = clock()
        run()
        n_runs = max(1, round(shortest / max(clock() - start, 1e-6)))
    while len(seconds) < _MOST_ROUNDS:
        total = n_runs * sum(seconds)
        if (len(seconds) >= least_rounds and total >= _SECONDS) or total >= _LONG:
            break
        before_round()
        start = clock()
        for _ in range(n_runs):
            run()
        seconds.append((clock() - start) / n_runs)
    return seconds


def race(problem, contender, *, least_rounds, clock):
    """Check and time; returns what the record says about it."""
    getattr(contender, "prepare", lambda _: None)(problem)
    problem.before_round()
    # The checked run is the warm-up, too.
    verdict, reason = judge(problem, contender, contender.solve(problem))
    if verdict in ("wrong", "failed"):
        return {"status": verdict, "reason": reason}
    seconds = time_rounds(
        lambda: contender.solve(problem),
        problem.before_round,
        least_rounds=least_rounds,
        clock=clock,
        shortest=getattr(problem, "shortest_round", 0.0),
    )
    return {"status": "timed", "answer": verdict, "reason": reason, "seconds": seconds}


def time_floors(problem, *, least_rounds):
    found = {}
    for name, floor in problem.floors().items():
        floor.run()
        seconds = time_rounds(floor.run, lambda: None, least_rounds=least_rounds)
        found[name] = {"seconds": seconds, "amount": floor.amount, "unit": floor.unit}
    return {"status": "timed", "floors": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem")
    parser.add_argument("contender", help='or "floors"')
    parser.add_argument("record", type=Path)
    parser.add_argument("--size", type=int, nargs="+", required=True, help="a size of the problem")
    parser.add_argument("--data", default="correlated")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = parser.parse_args()
    # Peers tell about ten iterations that they were told to end after, and the like.
    warnings.simplefilter("ignore")
    Problem = importlib.import_module(f"{arguments.problem}.problem").Problem
    size = type(Problem.sizes(full=False)[0])(*arguments.size)
    record = {"problem": arguments.problem, "contender": arguments.contender}
    try:
        is_floors = arguments.contender == "floors"
        folder = getattr(Problem, "contenders_of", arguments.problem)
        contender = None if is_floors else load_contender(folder, arguments.contender)
        most_rows, why_fewer = getattr(contender, "AT_MOST", (size.n_rows, ""))
        if size.n_rows > most_rows:
            size = size.with_rows(most_rows)
            record["why_fewer_rows"] = why_fewer
        with Problem(size, data=arguments.data, n_threads=arguments.threads) as problem:
            record |= {"size": problem.description, "n_rows": size.n_rows}
            if is_floors:
                record |= time_floors(problem, least_rounds=arguments.rounds)
            else:
                record |= race(
                    problem,
                    contender,
                    least_rounds=arguments.rounds,
                    clock=CLOCKS[arguments.clock],
                )
                record["remark"] = getattr(contender, "REMARK", "")
    except NotAvailable as reason:
        record |= {"status": "skipped", "reason": str(reason)}
    arguments.record.write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
