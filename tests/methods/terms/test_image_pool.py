import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.methods.terms.image_pool import image_pool
from jaxgan.parallel import REPLICATED, make_mesh, shardings

ROWS, SIZE = 4, 3


def fresh(step):
    """Images whose pixels say their step and row, and a condition that says the same."""
    mark = 100.0 * step + jnp.arange(ROWS)
    return jnp.broadcast_to(mark[:, None, None, None], (ROWS, 2, 2, 1)), {"label": mark.astype(jnp.int32)}


@pytest.fixture(scope="module")
def history():
    """(what D was shown, the column's marks) of forty steps."""
    pool = image_pool(size=SIZE)
    extra = pool.init({}, jax.eval_shape(fresh, 0))
    recall, seen = jax.jit(pool.recall), []
    for step in range(40):
        (images, condition), extra = recall(fresh(step), extra, jax.random.key(step))
        np.testing.assert_array_equal(images[:, 0, 0, 0].astype(jnp.int32), condition["label"])
        column = extra["by_row"]["column"][0][:, :, 0, 0, 0]
        seen.append((np.asarray(condition["label"]), np.asarray(column)))
    return seen


def test_a_column_fills_with_the_first_images_and_shows_them_fresh(history):
    for step in range(SIZE):
        shown, column = history[step]
        np.testing.assert_array_equal(shown, 100 * step + np.arange(ROWS))
        np.testing.assert_array_equal(column[:, step], shown)


def test_a_full_column_shows_an_old_image_half_of_the_time_and_keeps_the_fresh_one_instead(history):
    old = 0
    for step in range(SIZE, 40):
        shown, column = history[step]
        before = history[step - 1][1]
        for row in range(ROWS):
            mark = 100 * step + row
            if shown[row] == mark:
                np.testing.assert_array_equal(column[row], before[row])
            else:
                old += 1
                assert shown[row] in before[row] and shown[row] not in column[row] and mark in column[row]
    assert 0.35 < old / (ROWS * (40 - SIZE)) < 0.65


def test_a_row_sees_its_own_column_only(history):
    assert all((shown % 100 == np.arange(ROWS)).all() for shown, _ in history)


def test_rows_lie_where_the_batch_does_and_nothing_moves_between_devices():
    pool, mesh = image_pool(size=2), make_mesh(data=2, fsdp=4)
    shapes = jax.ShapeDtypeStruct((8, 4, 4, 1), jnp.float32)
    extra = {"pool": pool.init({}, (shapes, None))}
    where = shardings({"extra": extra}, REPLICATED, mesh)["extra"]["pool"]
    rows = where["by_row"]["count"]
    assert rows.spec[0] == ("data", "fsdp")
    with jax.set_mesh(mesh):
        run = jax.jit(pool.recall, in_shardings=((rows, None), where, None), out_shardings=((rows, None), where))
        text = run.lower((shapes, None), extra["pool"], jax.random.key(0)).compile().as_text()
    assert not any(word in text for word in ("all-gather", "all-to-all", "collective-permute"))


def test_no_size_is_no_pool_and_nonsense_is_an_error():
    assert image_pool() is None
    with pytest.raises(ValueError, match="size=-1"):
        image_pool(size=-1)
