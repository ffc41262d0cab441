"""run: the parts of `make accuracy`, one after the other.

Each part prints its tables and writes them as NAME.md and NAME.json.
"""
import argparse
import sys
import time

import alarms
import calibrate
import petshop
import petshop_peers
import report
import simulated


def part_petshop(options, say):
    result = petshop.run(options.data, say)
    return result, report.petshop(result)


def part_simulated(options, say):
    result = simulated.run(options.data, options.full, say)
    return result, report.simulated(result)


def part_peers(options, say):
    result = petshop_peers.run(options.data, say)
    return result, report.petshop_peers(result)


def part_alarms(options, say):
    result = alarms.run(options.data, say)
    return result, report.alarms(result)


def part_calibrate(options, say):
    result = calibrate.run(options.data, options.full, say)
    return result, report.calibrate(result)


PARTS = {"petshop": part_petshop, "peers": part_peers, "alarms": part_alarms, "simulated": part_simulated}
ON_REQUEST = {"calibrate": part_calibrate}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    known = PARTS | ON_REQUEST
    unknown = [p for p in options.parts if p not in known]
    if unknown:
        sys.exit(f"no such part: PART={unknown[0]} (there are: {' '.join(known)})")
    say = lambda text: print(f"==> {text}", file=sys.stderr, flush=True)
    began = time.time()
    for name in options.parts or PARTS:
        t0 = time.time()
        result, text = known[name](options, say)
        text += f"\n{name}: {time.time() - t0:.0f} s.\n"
        report.write(options.out, name, result, text)
        print(text, flush=True)
    print(f"All in {time.time() - began:.0f} s; tables and JSON are in {options.out}.")


main()
