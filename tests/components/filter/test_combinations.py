from components.filter.combinations import TrainedCombinations

TRAINED = [{"shape": "square", "color": "red"}, {"shape": "circle", "color": "blue"}]


def test_values_that_never_occur_together_are_lacking():
    trained = TrainedCombinations(TRAINED)
    assert trained.lack({"color": "blue", "shape": "square"})
    assert not trained.lack({"color": "red", "shape": "square"})


def test_only_named_attributes_count():
    trained = TrainedCombinations(TRAINED, ["color"])
    assert not trained.lack({"color": "blue", "shape": "square"})
    assert trained.lack({"color": "green", "shape": "square"})


def test_a_clip_without_attributes_lacks_nothing():
    assert not TrainedCombinations(TRAINED).lack({})
    assert not TrainedCombinations(TRAINED, ["color"]).lack({"shape": "square"})
