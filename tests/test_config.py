import pytest
import yaml

from handshape.config import PROFILES, Settings, describe_settings, load_settings
from handshape.errors import SettingsError


def test_defaults_are_the_specifications():
    settings = Settings()
    assert (settings.data.test_split, settings.data.val_split) == (0.2, 0.1)
    model = settings.model
    assert (model.img_size, model.batch_size, model.num_epochs, model.fine_tune_epochs) == (128, "auto", 25, 10)
    assert (model.learning_rate, model.fine_tune_lr, model.fine_tune_layers) == (
        1e-3,
        2e-4,
        20,
    )  # Lion's, not Adam's 1e-4
    ours = {"views", "background", "light"}
    assert settings.augmentation.model_dump(exclude=ours) == {
        "rotation_range": 20,
        "zoom_range": 0.2,
        "shear_range": 0.2,
        "width_shift_range": 0.2,
        "height_shift_range": 0.2,
        "horizontal_flip": True,
    }
    training = settings.training
    assert (training.patience, training.min_delta, training.factor, training.min_lr) == (5, 0.001, 0.5, 1e-7)
    gpu = settings.gpu
    assert (gpu.use_mixed_precision, gpu.workers, gpu.use_multiprocessing, gpu.max_queue_size) == (True, 4, True, 10)


def test_later_sources_win(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("model:\n  batch_size: 16\n  num_epochs: 3\n")
    settings = load_settings("gtx1650", file, ["model.num_epochs=4", "data.seed=9"])
    assert load_settings("gtx1650").model.batch_size == 32
    assert (settings.model.batch_size, settings.model.num_epochs, settings.gpu.workers) == (16, 4, 2)
    assert settings.data.seed == 9


def test_yaml_round_trip(tmp_path):
    settings = load_settings(assignments=["data.groups=(?P<signer>[^_]+)_[0-9]+", "training.min_lr=1e-6"])
    file = tmp_path / "config.yaml"
    file.write_text(settings.to_yaml())
    assert load_settings(config_file=file) == settings
    assert set(yaml.safe_load(settings.to_yaml())) == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("model.batch_sise=3", "Did you mean model.batch_size?"),
        ("batch_size=3", "section.key=value"),
        ("model.patience=3", "training.patience"),
        ("modle.batch_size=3", "model"),
        ("model.batch_size=many", "model.batch_size"),
        ("model.batch_size=0", "greater than or equal to 1"),
        ("model.img_size=100", "multiple of 32"),
        ("augmentation.horizontal_flip=perhaps", "boolean"),
        ("training.class_weights=maybe", "'auto', 'on' or 'off'"),
        ("data.test_split=0.89", "almost nothing to train on"),
        ("hands.find=somehow", "off"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(assignment, says):
    assignments = [assignment, "data.val_split=0.2"] if "test_split" in assignment else [assignment]
    with pytest.raises(SettingsError) as error:
        load_settings(assignments=assignments)
    assert says in error.value.text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"model:\n  batch_size: [1", "line 2"),
        (b"- model", "holds a list"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"model:\n  nonsense: 1\n", "no setting 'model.nonsense'"),
        (b"model: 3\n", "model"),
    ],
)
def test_a_broken_file_is_explained(tmp_path, content, says):
    file = tmp_path / "broken.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        load_settings(config_file=file)
    assert says in error.value.text


def test_a_missing_file_and_profile_are_explained(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(config_file=tmp_path / "none.yaml")
    with pytest.raises(SettingsError, match="no profile 'rtx'"):
        load_settings("rtx")
    assert "gtx1650" in PROFILES


def test_numbers_as_people_write_them():
    assert load_settings(assignments=["model.learning_rate=1e-2"]).model.learning_rate == 0.01


def test_every_setting_is_described():
    undescribed = [name for name, _, meaning in describe_settings() if not meaning]
    assert not undescribed


@pytest.mark.parametrize("word", ["off", "on", "auto"])
def test_on_and_off_are_words(word, tmp_path):
    assert load_settings(assignments=[f"training.class_weights={word}"]).training.class_weights == word
    file = tmp_path / "my.yaml"
    file.write_text(f"training:\n  class_weights: {word}\nhands:\n  find: off\n")
    settings = load_settings(config_file=file)
    assert (settings.training.class_weights, settings.hands.find) == (word, "off")
