from benchmarks.joules import joules


def counter(folder, name):
    file = folder / name / "energy_uj"
    file.parent.mkdir(parents=True)
    file.write_text("0")
    return file


def test_energy_is_counted_over_as_many_runs_as_it_takes(tmp_path):
    package, core = counter(tmp_path, "intel-rapl:0"), counter(tmp_path, "intel-rapl:0:0")

    def run():
        for file in (package, core):  # a core's joules are among its package's
            file.write_text(str(int(file.read_text()) + 250_000))

    assert joules(run, tmp_path) == 0.25


def test_where_nothing_counts_there_is_no_number(tmp_path):
    assert joules(lambda: None, tmp_path) is None


def test_a_counter_that_went_round_gives_no_number(tmp_path):
    package = counter(tmp_path, "intel-rapl:0")
    package.write_text("900000")
    assert joules(lambda: package.write_text("10"), tmp_path) is None
