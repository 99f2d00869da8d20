"""SM2, SM3 and SM4: the examples of the public standards, another implementation both ways, and what is refused."""

import subprocess
import sys

import gmalg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haocha.sync.cipher import Curve, Form, PrivateKey, PublicKey, Undecipherable, sm3, sm4_decrypt, sm4_encrypt

MESSAGE = b"encryption standard"
FORMS = [Form(order, marked) for order in ("C1C3C2", "C1C2C3") for marked in (True, False)]
EDGES = [1, 31, 32, 33, 64, 65, 60_000]

# GM/T 0003.5-2012, annex C: the recommended curve.
PRIVATE = "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
PUBLIC = (
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
K = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
C1 = (
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
)
C2 = "21886CA989CA9C7D58087307CA93092D651EFA"
C3 = "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
ZERO_MASK_K = 470  # found by trying: with it the mask of one byte to PUBLIC is zero

# GM/T 0003.4-2012, annex A: another curve over 256 bits.
OTHER = Curve(
    p=0x8542D69E_4C044F18_E8B92435_BF6FF7DE_45728391_5C45517D_722EDB8B_08F1DFC3,
    a=0x787968B4_FA32C3FD_2417842E_73BBFEFF_2F3C848B_6831D7E0_EC65228B_3937E498,
    b=0x63E4C6D3_B23B0C84_9CF84241_484BFE48_F61D59A5_B16BA06E_6E12D1DA_27C5249A,
    n=0x8542D69E_4C044F18_E8B92435_BF6FF7DD_29772063_0485628D_5AE74EE7_C32E79B7,
    x=0x421DEBD6_1B62EAB6_746434EB_C3CC315E_32220B3B_ADD50BDC_4C4E6C14_7FEDD43D,
    y=0x0680512B_CBB42C07_D47349D2_153B70C4_E5D7FDFC_BFA36EA1_A85841B9_E46E09A2,
)
OTHER_PRIVATE = 0x1649AB77_A00637BD_5E2EFE28_3FBF3535_34AA7F7C_B89463F2_08DDBC29_20BB0DA0
OTHER_PUBLIC = (
    "435B39CCA8F3B508C1488AFC67BE491A0F7BA07E581A0E4849A5CF70628A7E0A"
    "75DDBA78F15FEECB4C7895E2C1CDF5FE01DEBB2CDBADF45399CCF77BBA076A42"
)
OTHER_K = 0x4C62EEFD_6ECFC2B9_5B92FD6C_3D957514_8AFA1742_5546D490_18E5388D_49DD7B4F
OTHER_C1 = (
    "245C26FB68B1DDDDB12C4B6BF9F2B6D5FE60A383B0D18D1C4144ABF17F6252E7"
    "76CB9264C2A7E88E52B19903FDC47378F605E36811F5C07423A24B84400F01B8"
)
OTHER_C2 = "650053A89B41C418B0C3AAD00D886C00286467"
OTHER_C3 = "9C3D7360C30156FAB7C80A0276712DA9D8094A634B766D3A285E07480653426D"

SM4_KEY = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")

private = PrivateKey.read(PRIVATE)
public = PublicKey(PUBLIC)


def test_sm2_gives_the_example_of_the_recommended_curve():
    """GM/T 0003.5: with the k of its example, C1, C2 and C3 are the standard's, in either order, marked or not."""
    assert private.public().upper() == "04" + PUBLIC
    assert public._encrypt(MESSAGE, Form(), [K]).hex().upper() == "04" + C1 + C3 + C2
    assert public._encrypt(MESSAGE, Form("C1C2C3"), [K]).hex().upper() == "04" + C1 + C2 + C3
    assert public._encrypt(MESSAGE, Form(marked=False), [K]).hex().upper() == C1 + C3 + C2


def test_sm2_gives_the_example_of_the_other_curve():
    """GM/T 0003.4: the example over the other curve, there and back."""
    theirs = PrivateKey(OTHER_PRIVATE, OTHER)
    sealed = PublicKey(OTHER_PUBLIC, OTHER)._encrypt(MESSAGE, Form("C1C2C3"), [OTHER_K])
    assert theirs.public().upper() == "04" + OTHER_PUBLIC
    assert sealed.hex().upper() == "04" + OTHER_C1 + OTHER_C2 + OTHER_C3
    assert theirs.decrypt(sealed, Form("C1C2C3")) == MESSAGE


def test_sm3_gives_its_examples():
    """GM/T 0004, annex A."""
    assert sm3(b"abc").hex().upper() == "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"
    assert sm3(b"abcd" * 16).hex().upper() == "DEBE9FF92275B8A138604889C18E5A4D6FDB70E5387E5765293DCBA39C0C5732"


def test_sm4_gives_its_example():
    """GM/T 0002, annex A: the first block; PKCS #7 adds a second to a full one."""
    sealed = sm4_encrypt(SM4_KEY, SM4_KEY)
    assert sealed[:16].hex().upper() == "681EDF34D206965E86B3E94F536E4246"
    assert len(sealed) == 32
    assert sm4_decrypt(SM4_KEY, sealed) == SM4_KEY


def test_sm4_chains_blocks():
    """CBC gives the known answer of the public draft (draft-ribose-cfrg-sm4, A.2.2.1)."""
    message = bytes.fromhex("AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDDEEEEEEEEFFFFFFFFAAAAAAAABBBBBBBB")
    sealed = sm4_encrypt(SM4_KEY, message, bytes(range(16)))
    assert sealed[:32].hex() == "78ebb11cc40b0a48312aaeb2040244cb4cb7016951909226979b0d15dc6a8f6d"
    assert sm4_decrypt(SM4_KEY, sealed, bytes(range(16))) == message


def test_sm4_of_another_implementation():
    """Another implementation decrypts our blocks."""
    sealed = sm4_encrypt(SM4_KEY, b"0123456789abcdef" * 2)
    other = gmalg.SM4(SM4_KEY)
    assert b"".join(other.decrypt(sealed[at : at + 16]) for at in (0, 16)) == b"0123456789abcdef" * 2


@pytest.mark.parametrize("length", EDGES[:-1])
def test_another_implementation_decrypts_ours(length):
    """What we encrypt, gmalg decrypts."""
    message = bytes(range(256))[:length]
    assert gmalg.SM2(sk=bytes.fromhex(PRIVATE)).decrypt(public.encrypt(message)) == message


@pytest.mark.parametrize("length", EDGES[:-1])
def test_ours_decrypts_another_implementation(length):
    """What gmalg encrypts, we decrypt."""
    message = bytes(range(256))[:length]
    assert private.decrypt(gmalg.SM2(pk=bytes.fromhex("04" + PUBLIC)).encrypt(message)) == message


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", EDGES)
def test_any_length_comes_back(form, length):
    """Lengths on and beside the edges of a hash, and a payload of 60 kB, in every form."""
    message = b"\xe5" * length
    sealed = public.encrypt(message, form)
    assert len(sealed) == length + 96 + form.marked
    assert private.decrypt(sealed, form) == message


@given(message=st.binary(min_size=1, max_size=300), form=st.sampled_from(FORMS))
@settings(max_examples=40, deadline=None)
def test_sm2_is_undone(message, form):
    """Decrypting undoes encrypting, and no two cipher texts are alike."""
    sealed = public.encrypt(message, form)
    assert private.decrypt(sealed, form) == message
    assert public.encrypt(message, form) != sealed


@given(message=st.binary(max_size=300), iv=st.none() | st.binary(min_size=16, max_size=16))
@settings(max_examples=40, deadline=None)
def test_sm4_is_undone(message, iv):
    """Decrypting undoes encrypting in both modes, the empty message too."""
    assert sm4_decrypt(SM4_KEY, sm4_encrypt(SM4_KEY, message, iv), iv) == message


def test_empty_message_is_refused():
    """The standard knows no encryption of nothing."""
    with pytest.raises(ValueError, match="no empty message"):
        public.encrypt(b"")


def test_number_with_a_mask_of_zeros_is_not_used():
    """A k whose mask is all zeros would send the message in the clear: the next is taken, and the last not for want."""
    assert public._encrypt(b"x", Form(), [ZERO_MASK_K, K]) == public._encrypt(b"x", Form(), [K])
    with pytest.raises(ValueError, match="none of these numbers"):
        public._encrypt(b"x", Form(), [ZERO_MASK_K])


@pytest.mark.parametrize("at", [1, 40, 64, 65, 96, 97, -1])
def test_altered_cipher_text_is_refused(at):
    """One bit in the point, the hash or the text, and nothing is decrypted."""
    altered = bytearray(public.encrypt(MESSAGE))
    altered[at] ^= 1
    with pytest.raises(Undecipherable):
        private.decrypt(bytes(altered))


@pytest.mark.parametrize(
    ("sealed", "why"),
    [
        (b"", "begin with 04"),
        (b"\x03" + bytes(200), "begin with 04"),
        (b"\x04" + bytes(96), "too short"),
        (b"\x04" + b"\x01" * 97, "point of the curve"),
    ],
    ids=["nothing", "unmarked", "short", "beside"],
)
def test_what_is_no_cipher_text_is_refused(sealed, why):
    """Too short, not marked, not on the curve."""
    with pytest.raises(Undecipherable, match=why):
        private.decrypt(sealed)


def test_other_order_and_other_key_are_refused():
    """A cipher text in the other order, or for another key, fails its check."""
    sealed = public.encrypt(MESSAGE)
    with pytest.raises(Undecipherable):
        private.decrypt(sealed, Form("C1C2C3"))
    with pytest.raises(Undecipherable):
        PrivateKey.new().decrypt(sealed)


@pytest.mark.parametrize("encoded", ["", "04", "xyz", PUBLIC[:-2], "02" + PUBLIC, "04" + PUBLIC + "00"])
def test_what_is_no_public_key_is_refused(encoded):
    """The message says what a public key looks like."""
    with pytest.raises(ValueError, match="128 hex digits"):
        PublicKey(encoded)


def test_public_key_beside_the_curve_is_refused():
    """A point that is not on the curve would betray what is encrypted to it."""
    with pytest.raises(ValueError, match="not a point"):
        PublicKey(PUBLIC[:-2] + "14")


@pytest.mark.parametrize("encoded", ["", "0" * 64, "f" * 64, "secret"])
def test_what_is_no_private_key_is_refused(encoded):
    """And the message does not repeat it."""
    with pytest.raises(ValueError, match="64 hex digits") as refused:
        PrivateKey.read(encoded)
    assert "secret" not in str(refused.value)


def test_keys_survive_writing_and_hide_in_messages():
    """A key comes back as it was written, and is not seen in a traceback."""
    new = PrivateKey.new()
    assert PrivateKey.read(new.written()).public() == new.public()
    assert new.written() not in repr(new)


def test_sm4_of_another_key_is_refused():
    """Padding that is none shows the wrong key; so does half a block."""
    with pytest.raises(Undecipherable):
        sm4_decrypt(bytes(16), sm4_encrypt(SM4_KEY, MESSAGE))
    with pytest.raises(Undecipherable):
        sm4_decrypt(SM4_KEY, b"half a block")


WITHOUT = """
import sys
sys.modules["ecdsa"] = None  # as if it were not installed
from haocha.sync import cipher
assert cipher.sm4_decrypt(bytes(16), cipher.sm4_encrypt(bytes(16), b"x")) == b"x"
try:
    cipher.PublicKey("04" + "01" * 64)
except ImportError as error:
    print(error)
"""


def test_missing_extra_is_named_when_sm2_is_wanted():
    """SM3 and SM4 do without the extra; a public key says how to install it."""
    said = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True).stdout
    assert "pip install 'haocha[sm2]'" in said
