"""job stats, jobids/s on one core: 10,000 jobs a target, each grammar; entries read from a file in
memory, scanned, compared with the reading before and ranked. The slowest grammar counts too."""

from bench_lab import BENCH, Figure, keyed, median, run


def measure(directory):
    found = keyed(run(BENCH, "job-stats", "--jobs", "10000", "--rounds", "20"))
    return [Figure(f"job-stats-{grammar}", median(found[f"jobids_per_second_{grammar}"]),
                   "jobids/s", ">=370000", ">=1000000", digits=0)
            for grammar in ("2.12", "2.15", "2.17")]
