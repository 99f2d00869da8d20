"""A contest raises a finding on the rating it contests."""


async def test_contest_raises_a_finding_on_the_first(world):
    """Each contest with other content is one finding, and excludes nothing."""
    first = await world.rate("case", 5)
    await world.contest("case", 1)
    await world.contest("case", 2)
    await world.react()
    rating = await world.rating(first)
    assert (rating.findings, rating.excluded) == (["contested", "contested"], False)


async def test_contested_supplement_is_the_one_that_is_flagged(world):
    """A second 追评 contests the first 追评, whose stream takes the finding."""
    await world.rate("case", 5)
    supplement = await world.supplement("case", 5)
    await world.contest("case", 1, first_stream=supplement)
    await world.react()
    assert (await world.rating(supplement)).findings == ["contested"]


async def test_same_content_raises_no_finding(world):
    """The same content from another client contests nothing."""
    first = await world.rate("case", 5)
    await world.contest("case", 5, same=True)
    await world.react()
    assert (await world.rating(first)).findings == []
