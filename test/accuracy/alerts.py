"""alerts: from time series to alerts, by a plain robust threshold.

One rule and one setting for every series, as a simple monitoring tool would
have it. With m the median of the normal period and s its spread, 1.4826 times
the median absolute deviation but at least FLOOR of |m| (a series that never
moved has no spread), a sample is anomalous where it lies more than LIMIT
spreads from m, on the bad side only: latency above, availability below. A
series with fewer than ENOUGH normal samples raises no alert. Every anomalous
sample fires; the first sample back within the limit resolves; a missing sample
says nothing.
"""
import statistics

LIMIT = 5.0
FLOOR = 0.001
ENOUGH = 10
BAD_SIDE = {"latency": 1, "availability": -1}


class Threshold:
    """What is normal for one series."""

    def __init__(self, normal, side):
        values = [v for v in normal if v is not None]
        self.known = len(values) >= ENOUGH
        if self.known:
            self.side = side
            self.median = statistics.median(values)
            mad = statistics.median(abs(v - self.median) for v in values)
            self.spread = max(1.4826 * mad, FLOOR * abs(self.median), 1e-12)

    def deviation(self, value):
        """How many spreads the value lies on the bad side."""
        return self.side * (value - self.median) / self.spread


def alerts(samples, threshold):
    """(time, firing, deviation) for [(time, value)], in order."""
    out, open_now = [], False
    if not threshold.known:
        return out
    for at, value in samples:
        if value is None:
            continue
        deviation = threshold.deviation(value)
        if deviation > LIMIT:
            out.append((at, True, deviation))
            open_now = True
        elif open_now:
            out.append((at, False, deviation))
            open_now = False
    return out
