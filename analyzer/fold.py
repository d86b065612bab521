"""The forms of a text that are searched, and the way back from a form to the stored text.

Rule: a form may change letters, drop characters or mark a boundary, but every character of it knows where it stood
in the stored original (Unicode code points). Three forms, each only for the texts that need it, decided by vectorised
tests:

* *plain*, every text: lower case, ``_`` and control characters as blanks, typographic quotes, dashes and blanks as
  ASCII, letters without their accents, one of several ways to write a letter in Arabic, Hindi and Chinese, the ends of
  sentences of other scripts as ASCII, camelCase marked with :data:`JOINT` (the only character a plain form adds, so
  positions are easy to undo);
* *leet*, texts with digits or signs inside words: the plain form with ``0 1 3 4 5 7 @ $ !`` read as letters;
* *deep*, texts with disguised letters: compatibility forms, look-alikes, zero-width characters, ``\\uXXXX`` and
  s p a c e d letters undone, with an array of positions.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl

JOINT = "\x1f"  # stands between the words of a camelCase name in a plain form
FROM, TO = "\x01", "\x02"  # stand around a match in a marked form; forms never hold them otherwise

_LEET = {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"}
_LEET_L = _LEET | {"1": "l"}
_TYPOGRAPHY = {
    **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
    **dict(zip("\u3002\uff0c\u3001\uff01\uff1f\uff1b\uff1a\u0964\u061f\u060c\u061b", ".,,!?;:.?,;", strict=True)),
}
_ESCAPED_BLANKS = {"\\n": "  ", "\\r": "  ", "\\t": "  "}  # same length, so positions stay
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_COMBINING = "\u0300-\u036f"
# Look-alikes: Unicode's confusables.txt (UTS 39), the Cyrillic, Greek, Armenian and Latin letters that pass for a-z.
_LOOKALIKE = dict(
    zip(
        "\u0430\u0432\u0435\u0451\u0454\u0456\u0457\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455"
        "\u0475\u0501\u051b\u051d\u04bb\u04cf\u0261\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b3"
        "\u0251\u0131\u0269\u0570\u057d\u0585\u0578\u0566\u0192\u1d04\u1d0f\u1d20\u1d21\u1d22\u0410\u0412\u0415\u041a"
        "\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405\u0406\u0408\u0391\u0392\u0395\u0397\u0399\u039a\u039c"
        "\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0396",
        "abeeeiijkmhopctyxs"
        + "vdqwhlg"
        + "aeikvoptuxy"
        + "aiihuonqfcovwz"
        + "abek"
        + "mhopctyxsij"
        + "abehikm"
        + "noptyxz",
        strict=True,
    )
)
_ALIKE = "".join(letter for letter in _LOOKALIKE if letter != "\u0131")  # which is a letter of Turkish

# Letters that are one to whoever writes in haste, or in another habit: the first of each pair is read as the second.
_ARABIC = "\u0623\u0627 \u0625\u0627 \u0622\u0627 \u0671\u0627 \u0649\u064a \u06cc\u064a \u06a9\u0643"
_DEVANAGARI = "\u0901\u0902 \u0958\u0915 \u0959\u0916 \u095a\u0917 \u095b\u091c \u095c\u0921 \u095d\u0922 \u095e\u092b"
# Traditional and simplified Chinese: the characters that the lexicon may hold.
_TRADITIONAL = """
    識识 別别 這这 個个 誰谁 嗎吗 們们 麼么 對对 臉脸 圖图 庫库 資资 單单 監监 視视 蹤踪 緝缉 檔档 記记 錄录 歷历
    員员 現现 場场 頻频 攝摄 機机 實实 時时 執执 儀仪 車车 無无 鏡镜 頭头 畫画 導导 證证 護护 請请 問问 說说 話话
    讓让 聲声 紋纹 語语 應应 該该 認认 確确 驗验 屬属 與与 從从 來来 過过 還还 沒没 會会 為为 樣样 長长 獄狱 釋释
    將将 當当 進进 並并 兩两 張张 隊队 稱称 據据 條条 結结 給给 發发 髮发 覺觉 緒绪 憤愤 傷伤 緊紧 驚惊 歲岁 齡龄
    種种 國国 漢汉 維维 爾尔 華华 黨党 權权 訪访 險险 評评 預预 測测 審审 決决 動动 處处 罰罚 報报 聞闻 課课 訓训
    練练 題题 編编 寫写 劇剧 遊游 戲戏 詩诗 軟软 體体 數数 計计 統统 關关 雙双 門门 開开 閉闭 鬍胡 鬚须 須须 顏颜
    違违 規规 範范 級级 檢检 尋寻 選选 號号 碼码 歸归 網网 絡络 頁页 傳传 輸输 轉转 誤误 約约 標标 準准 項项 顯显
    擇择 設设 備备 線线 遠远 軌轨 跡迹 達达 買买 賣卖 館馆 駕驾 駛驶 業业 學学 師师 職职 區区 縣县 廣广 東东 廳厅
    後后 裡里 裏里 邊边 離离 際际 係系 壓压 憂忧 慮虑 懷怀 態态 興兴 樂乐 愛爱 親亲 婦妇 聽听 講讲 談谈 論论 譯译
    變变 讀读 貓猫 豬猪 鳥鸟 馬马 點点 協协 滿满 偵侦 採采 彙汇 錯错 鎖锁 鐵铁 鍵键 筆笔 簡简 納纳 細细 終终 組组
    絕绝 經经 總总 續续 習习 舊旧 舉举 藝艺 術术 補补 裝装 製制 複复 褲裤 見见 觀观 訂订 訊讯 詢询 試试 詳详 諒谅
    謝谢 負负 責责 質质 輛辆 辦办 運运 遲迟 適适 鄰邻 醫医 閱阅 隨随 雖虽 難难 電电 類类 願愿 飛飞 紅红 黃黄 藍蓝
    綠绿 軍军 衛卫 塗涂 賽赛 隱隐 擋挡 僅仅 儲储 兒儿 內内 冊册 劃划 務务 參参 啟启 嚴严 嚇吓 圍围 園园 幫帮 幾几
    徑径 悶闷 憑凭 戶户 換换 擊击 擬拟 攔拦 斷断 書书 極极 槍枪 構构 樓楼 氣气 況况 洩泄 灣湾 狀状 獲获 產产 異异
    盜盗 眾众 竊窃 義义 聯联 臺台 臨临 載载 邏逻 輯辑 響响 領领 額额 飾饰 騙骗 疊叠 廠厂 賓宾 癮瘾 喪丧 夥伙 闖闯
    顧顾 溫温 調调 鋒锋 隻只 於于 連连 斂敛 贏赢 專专 丟丢 傾倾 剛刚 則则 牆墙 夾夹 寵宠 盡尽 徵征 戀恋 懼惧 掃扫
    潤润 燈灯 猶犹 獨独 積积 穩稳 簽签 籤签 紀纪 綱纲 紙纸 羈羁 膚肤 脫脱 腳脚 蟲虫 議议 許许 訟讼 訴诉 謊谎 貫贯
    輪轮 較较 辯辩 遺遗 郵邮 鑑鉴 鑒鉴 鐘钟 間间 鬧闹 風风 駁驳 縮缩 著着 價价 優优 壞坏 層层 強强 損损 殺杀 殘残
    費费 團团 樹树
"""


def _letters() -> dict[str, str]:
    """What each letter is read as: Latin ones without accents, one letter for several in other scripts."""
    latin = {"\u0131": "i", "\u0142": "l", "\u0141": "L", "\u00f8": "o", "\u00d8": "O", "\u00df": "s", "\u0111": "d"}
    for code in (*range(0xC0, 0x180), *range(0x218, 0x21C)):
        apart = unicodedata.normalize("NFKD", chr(code))
        if apart[0].isascii() and len(apart) > 1 and all(map(unicodedata.combining, apart[1:])):
            latin[chr(code)] = apart[0]
    pairs = f"{_ARABIC} {_DEVANAGARI} {_TRADITIONAL}".split()
    return latin | {pair[0]: pair[1] for pair in pairs}


_LETTERS = _letters()
_AS_READ = str.maketrans(_LETTERS)

_CAMEL = "[a-z][A-Z]|[A-Z][A-Z][a-z]{2}"
_CONTROL = "[\\x00-\\x08\\x0e-\\x1f]"
_SPACED = r"(?-u:\b)[A-Za-z](?:[ .*_\-|][A-Za-z0-9@$]){3,}(?-u:\b)"
_ESCAPE = r"\\u[0-9a-fA-F]{4}"
_SIGN = "[013457@$!]"
_MIXED_WORD = f"[a-z0-9@$!]*(?:[a-z]{_SIGN}|{_SIGN}[a-z])[a-z0-9@$!]*"
_ODD = f"{_CAMEL}|{_CONTROL}|_|\\\\[nrtu]|[a-zA-Z]{_SIGN}|{_SIGN}[a-zA-Z]|{_SPACED}"
_DISGUISED = (
    f"[A-Za-z][{_INVISIBLE}{_COMBINING}]|[{_INVISIBLE}][A-Za-z]|[A-Za-z][{_ALIKE}]|[{_ALIKE}][A-Za-z]"
    f"|[{_ALIKE}]{{4}}|[\u2100-\u214f\u2460-\u24ff\ufb00-\ufb06\uff10-\uff19\uff20-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\U0001f130-\U0001f189]"
)
_LEET_IN_WORD = re.compile(r"[a-z][013457@$!]|[013457@$!][a-z]")


Places = dict[int, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]  # row -> starts, ends; empty for plain forms


@dataclass(frozen=True)
class Form:
    """One searched form of a batch: ``frame`` has ``row`` (UInt32, position in the batch) and ``form`` (String).

    A leet form's frame has ``before`` too, the form with its digits and signs. ``places`` gives for a deep form each
    row's starts and ends in the original.
    """

    frame: pl.DataFrame
    places: Places


def forms(texts: pl.Series, telling: str) -> list[Form]:
    """The forms of ``texts`` (String, no nulls) to be searched; a text has one plain form and seldom others.

    ``telling`` is a regex of the words looked for: a word with digits or signs that reads as one asks for a leet form.
    """
    frame = pl.DataFrame({"form": texts}).with_row_index("row")
    wide = frame["form"].str.len_bytes() != frame["form"].str.len_chars()
    odd = wide | frame["form"].str.contains(_ODD)  # the others need no more than lower case
    rewritten = frame.filter(odd).with_columns(_rewritten(pl.col("form")))
    plain = pl.concat([frame.filter(~odd).with_columns(pl.col("form").str.to_lowercase()), rewritten])
    found = [Form(plain, {})]
    found += _leet(rewritten, {}, telling)
    deep = _deep(frame.filter(odd))
    if deep is not None:
        found.append(deep)
        found += _leet(deep.frame, deep.places, telling)
    return found


def as_read(words: str) -> str:
    """The words with each letter as plain forms have it."""
    return words.translate(_AS_READ)


def original_span(form: Form, row: int, text: str, start: int, end: int) -> tuple[int, int]:
    """Where ``text[start:end]`` of a form (``text`` is the form) stood in the original, in code points."""
    if form.places:
        starts, ends = form.places[row]
        return int(starts[start]), int(ends[end - 1])
    before = start - text.count(JOINT, 0, start)
    return before, before + (end - start) - text.count(JOINT, start, end)


def in_leet_word(before: str, start: int, end: int) -> bool:
    """Whether ``before[start:end]`` holds a digit or sign next to a letter: else a leet match was read into numbers."""
    return bool(_LEET_IN_WORD.search(before, start, end))


def _rewritten(text: pl.Expr) -> pl.Expr:
    """The plain form of texts that are more than lower-case ASCII words."""
    return (
        text.str.replace_many([*_TYPOGRAPHY, *_LETTERS], [*_TYPOGRAPHY.values(), *_LETTERS.values()])
        .str.replace_all(_CONTROL, " ")
        .str.replace_all("([a-z])([A-Z])", "${1}" + JOINT + "${2}")
        .str.replace_all("([A-Z])([A-Z][a-z]{2})", "${1}" + JOINT + "${2}")
        .str.replace_many(["_", *_ESCAPED_BLANKS], [" ", *_ESCAPED_BLANKS.values()])
        .str.to_lowercase()
    )


def _leet(frame: pl.DataFrame, places: Places, telling: str) -> list[Form]:
    """The forms in which digits and signs inside words are letters, for rows that hide a telling word; 1 is i, or l."""
    words = frame.select("row", pl.col("form").str.extract_all(_MIXED_WORD).list.join(" ").alias("words"))
    words = words.filter(pl.col("words") != "")
    found = []
    for letters in (_LEET, _LEET_L):
        read = pl.col("words").str.replace_many(list(letters), list(letters.values()))
        rows = words.filter(read.str.contains(telling))["row"]
        hiding = frame.filter(pl.col("row").is_in(rows.implode())).with_columns(before=pl.col("form"))
        form = hiding.with_columns(pl.col("form").str.replace_many(list(letters), list(letters.values())))
        found.append(Form(form, places))
    return [form for form in found if not form.frame.is_empty()]


def _deep(frame: pl.DataFrame) -> Form | None:
    """The deep form of the texts (row, form) that hide letters, None if no text does."""
    wide = frame["form"].str.len_bytes() != frame["form"].str.len_chars()
    hidden = frame["form"].str.contains(f"{_SPACED}|{_ESCAPE}")
    hidden |= pl.select(pl.when(wide).then(frame["form"]).str.contains(_DISGUISED).fill_null(False)).to_series()
    frame = frame.filter(hidden)
    if frame.is_empty():
        return None
    undone = [undisguise(text) for text in frame["form"]]
    rows: Sequence[int] = frame["row"].to_list()
    places = {row: (starts, ends) for row, (_, starts, ends) in zip(rows, undone, strict=True)}
    found = frame.with_columns(form=pl.Series([text for text, _, _ in undone], dtype=pl.String))
    return Form(found, places)


def undisguise(text: str) -> tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The deep form of ``text``, and the start and end in ``text`` of each of its characters (code points)."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").copy()
    starts = np.arange(len(codes), dtype=np.int64)
    ends = starts + 1
    keep = np.ones(len(codes), dtype=bool)
    for escape in re.finditer(_ESCAPE, text):
        at = escape.start()
        codes[at], ends[at] = int(escape[0][2:], 16), escape.end()
        keep[at + 1 : escape.end()] = False
    codes, starts, ends = codes[keep], starts[keep], ends[keep]
    table, many = _tables()
    copies = np.ones(len(codes), dtype=np.int64)
    expanding = {code: many[code] for code in np.unique(codes).tolist() if code in many}
    for code, wanted in expanding.items():
        copies[codes == code] = len(wanted)
    grown = np.repeat(codes, copies)
    first = np.cumsum(copies) - copies
    for code, wanted in expanding.items():
        for step, letter in enumerate(wanted.tolist()):
            grown[first[codes == code] + step] = letter
    codes, starts, ends = grown, np.repeat(starts, copies), np.repeat(ends, copies)
    small = codes < len(table)
    codes = np.where(small, table[np.where(small, codes, 0)], codes)
    keep = (codes != 0) & ~((codes >= 0xE0000) & (codes <= 0xE01EF))
    keep[keep] &= ~_between_spaced(codes[keep])
    codes, starts, ends = codes[keep], starts[keep], ends[keep]
    return codes.astype("<u4").tobytes().decode("utf-32-le", "replace"), starts, ends


def _between_spaced(codes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """True at the separators inside runs of three or more single letters: f a c e, f-a-c-e."""
    letter = ((codes >= 97) & (codes <= 122)) | ((codes >= 48) & (codes <= 57)) | (codes == 64) | (codes == 36)
    edge = np.concatenate([[False], letter, [False]])
    single = np.flatnonzero(letter & ~edge[:-2] & ~edge[2:])
    drop = np.zeros(len(codes), dtype=bool)
    if len(single) < 3:
        return drop
    between = codes[single[:-1] + 1]
    joined = (np.diff(single) == 2) & np.isin(between, [32, 42, 45, 46, 95, 124])
    long_run = joined & (np.concatenate([[False], joined[:-1]]) | np.concatenate([joined[1:], [False]]))
    drop[single[:-1][long_run] + 1] = True
    return drop


@cache
def _tables() -> tuple[np.ndarray[Any, Any], dict[int, np.ndarray[Any, Any]]]:
    """What each code point below 0x20000 becomes (0: dropped), and those that become several."""
    table = np.arange(0x20000, dtype=np.uint32)
    many: dict[int, np.ndarray[Any, Any]] = {}
    for code in (code for first, last in _FOLDED for code in range(first, last)):
        plain = "".join(_letter(c) for c in unicodedata.normalize("NFKD", chr(code)))
        if len(plain) == 1 or not plain:
            table[code] = ord(plain) if plain else 0
        elif any(c.isascii() for c in plain):
            many[code] = np.array([ord(c) for c in plain], dtype=np.uint32)
    table[:0x20] = 32
    return table, many


_FOLDED = ((0, 0x0900), (0x1C00, 0x3100), (0xA640, 0xA800), (0xF900, 0xFFF0), (0x1D400, 0x1D800), (0x1F100, 0x1F200))
_DROPPED = re.compile(f"[{_INVISIBLE}{_COMBINING}]")


def _letter(character: str) -> str:
    """The lower-case ASCII letter a character stands for, itself if none, nothing if it is invisible."""
    if _DROPPED.match(character):
        return ""
    alike = _LOOKALIKE.get(character) or _LOOKALIKE.get(character.lower()) or _TYPOGRAPHY.get(character)
    return alike or character.lower()
