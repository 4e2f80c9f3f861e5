"""Words of the redaction, in the languages that guests write: the European ones, Russian, Turkish, Arabic, Chinese,
Japanese and Korean. A word without a space around it in its own script is in `UNSPACED`.
"""

from __future__ import annotations

_NOT_AFTER = r"(?<!dress )(?<!zip )(?<!postal )(?<!promo )(?<!discount )(?<!country )(?<!qr )"
# A sentence with one of these may contain a secret for a door or a network.
ACCESS = (
    # English
    r"pass ?(?:word|code|phrase|key)s?|pwd|(?:access|door|gate|entry|lock|key|security|alarm|building|garage)[- ]?codes?",
    rf"{_NOT_AFTER}codes?|pin(?: ?codes?)?|key ?pads?|lock ?box(?:es)?|key ?safes?|ssid|network name|combination",
    r"pw|keys?(?! (?:points?|concerns?|things?|features?|factors?|questions?|takeaways?))|schlüssel|llaves?|chiav[ei]|cl[eé]s?|chaves?|sleutels?|ключ\w*",
    r"combos?|padlocks?|log-?ins?|user ?names?|pass(?=\s*[:=])|(?:seed|recovery) (?:phrase|words?)",
    r"(?:opens?|unlocks?) with|(?:öffnet sich|geht auf|öffnet) mit|se abre con|abre com|si apre con|s'ouvre avec",
    # German, Dutch, Scandinavian
    rf"(?:wlan|wifi|internet|netzwerk)?[- ]?(?:passw[oö]rt|kennwort|schlüssel)|{_NOT_AFTER}\w*codes?|\w*kode|schlüssel(?:box|kasten|tresor|safe)",
    r"wachtwoord|toegangscode|sleutelkluis(?:je)?|lösenord\w*|adgangskode|passord\w*|nyckelbox|kod(?:en)?",
    r"\w*schlüssel\w*|\w*kombination|\w*schloss(?= (?:ist|hat)|:)|zahlenschloss|zugangsdaten|nyck(?:el|lar)\w*|nøgle\w*|nøk(?:kel|l)\w*",
    # French
    r"mots? de passe|mdp|digicodes?|bo[iî]te [àa] cl[eé]s?|cl[eé]s? (?:wi-?fi|wpa|réseau)|codes? (?:d'accès|de la porte)",
    # Spanish, Portuguese, Italian
    r"contrase[nñ]as?|claves?|c[oó]digos?|palavra[- ]passe|senhas?|caja de (?:llaves|seguridad)|cofre|candado|cadeado",
    r"codic[ei]|parola d'ordine|cassetta (?:delle|di) (?:chiavi|sicurezza)|lucchetto|tastierino",
    # Polish, Czech, Turkish, Romanian, Hungarian, Greek, Russian, Ukrainian, Arabic, Hebrew
    r"has[lł]o|kody?|heslo|kód|[sş]ifre(?:si)?|parola|parol[aă]|jelszó|κωδικ\w+|συνθηματικ\w+",
    r"klucz\w*|szyfr\w*|skrytk\w+|sejf\w*|kłódk\w+|hasł\w+|hasl\w+|kod(?:u|em|ów)|otwiera się|klíč\w*|kľúč\w*|hesl\w+|trezor\w*",
    r"anahtar\w*|[sş][iıİ]fre\w*|parola\w*|kod(?:u|unu|umuz|unuz|lar\w*)|kasa(?:nın|sı\w*)|kombinasyon\w*|parol[aăe]\w*|chei(?:a|i|le|lor|e)?",
    r"codul\w*|kulcs\w*|jelsz\w+|kód\w*|széf\w*|κλειδ\w+|lozink\w+|ključ\w*|šifr\w+|geslo\w*|avai(?:n|met|me\w+)|\w*koodi\w*|salasana\w*",
    r"slaptažod\w+|rakt(?:as|ai|us|ų)|atslēg\w+|parool\w*|mật khẩu|chìa kh(?:óa|oá)|mã (?:cửa|số|khóa)|kata sandi|kunci",
    # Words of these two languages begin with their article or preposition.
    r"парол\w*|код\w*|пін-?код|шифр\w*|сейф\w*|лозинк\w+|кључ\w*|كلمة (?:المرور|السر)",
    r"\w{0,3}(?:رمز|كود|مفتاح|مفاتيح)\w*|\w{0,2}(?:סיסמ|קוד|מפתח|כספת)\w*",
)
ACCESS_UNSPACED = (
    "密码",
    "密碼",
    "口令",
    "门禁",
    "暗証番号",
    "パスワード",
    "コード",
    "キーボックス",
    "비밀번호",
    "암호",
    "코드",
    "รหัส",
    "กุญแจ",
    "钥匙",
    "鑰匙",
    "验证码",
    "保险箱",
    "鍵",
    "暗証",
    "番号",
    "ダイヤル",
    "金庫",
    "ロックボックス",
    "合言葉",
    "열쇠",
    "비번",
    "도어락",
    "पासवर्ड",
    "चाबी",
    "चाभी",
    "कोड",
)
# With a colon or a verb after it, the name of a network follows.
NETWORK = r"wi-?fi|wlan|wireless|ssid|netz(?:werk)?(?:name)?|netwerk(?:naam)?|nätverk|sieć|network(?: name)?|r[eé]seau|red(?: wifi)?|rede|rete|сеть|вай-?фай|网络|ネットワーク"
IS = r"is called|is|are|ist|heißt|lautet|est|s'appelle|se llama|es|si chiama|è|é|chama-se|heet|называется"

# With a colon, a verb or nothing between them, an account of a payment service or a secret of a card follows.
PAYMENT = (
    r"pay ?pal|venmo|zelle|cash ?app|bizum|revolut|wise|alipay|bic|swift|iban|cv[cv]2?|cvn|"
    r"(?:security|sort|routing) (?:code|number)|account (?:number|no\.?)|kontonummer|bankverbindung|kreditkarte|"
    r"(?:n[uú]mero de )?(?:cuenta|tarjeta|conta|cart[aã]o)|num[eé]ro de (?:compte|carte)|numero (?:di|della) (?:conto|carta)"
)
# With a colon or a verb after it, an account of a messenger or a network follows.
CONTACT = (
    r"instagram|insta|ig|facebook|fb|telegram|whats ?app|skype|snapchat|tiktok|line id|wechat|微信|телеграм|вотсап"
)
# The number plate of a car follows.
PLATE = (
    r"(?:licen[cs]e|number|registration|car|vehicle)[- ]plates?|plate number|licen[cs]e number|car registration|"
    r"(?:auto)?kennzeichen|nummernschild|matr[ií]cula|placa|(?:plaque d')?immatriculation|targa|kenteken|nummerplaat|"
    r"nummerplade|registreringsnummer|regnr|rejestracj\w+|rekisteri\w*|spz|rendszám\w*|plaka(?:m|mız|sı)?|"
    r"номер (?:машины|авто\w*)|госномер"
)
# With a colon after it, a name follows.
NAME_LABEL = (
    r"names?|guests?|gast|gäste|naam|nombres?|huésped(?:es)?|nom|prénom|voyageurs?|nome|cognome|ospit[ei]|hóspedes?|"
    r"имя|фамилия|名前|姓名|이름"
)
# Words that begin a sentence with a capital and are no part of a name that follows; German nouns have one, too.
# fmt: off
NO_NAMES = frozenset(
    {
        "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "mein", "meine", "meinen",
        "meiner", "unser", "unsere", "unseren", "ihr", "ihre", "ihren", "ihrer", "ihnen", "sie", "du", "wir", "ich",
        "es", "er", "im", "am", "um", "zum", "zur", "für", "mit", "bei", "von", "vom", "in", "an", "auf", "aus",
        "nach", "vor", "ohne", "als", "wenn", "ob", "ist", "sind", "war", "haben", "hat", "hätten", "gibt", "gab",
        "kann", "können", "könnte", "könnten", "wie", "wo", "wann", "was", "wer", "warum", "welche", "welcher",
        "welches", "danke", "vielen", "bitte", "guten", "liebe", "viele", "und", "oder", "aber", "auch", "noch",
        "keine", "kein", "alle", "diese", "dieser", "dieses", "unter", "zwischen", "wird", "werden", "darf", "dürfen",
        "soll", "sollen", "muss", "müssen", "möchten", "würden", "check-in", "check-out", "wifi", "wlan", "tv",
    }
)
# A sequence of these words alone is no name: headings of hosts and names of brands have capitals, too.
HEADINGS = NO_NAMES | frozenset(
    {
        "house", "rules", "check", "time", "free", "parking", "early", "late", "quiet", "hours", "smoking", "pets",
        "welcome", "guest", "guests", "wi-fi", "internet", "network", "name", "address", "available", "please", "note",
        "important", "information", "how", "to", "your", "the", "our", "my", "we", "no", "not", "yes", "and", "or",
        "is", "are", "on", "at", "of", "for", "from", "with", "before", "after", "arrival", "departure", "day", "new",
        "year", "year's", "eve", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
        "montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag", "abend", "morgen", "google",
        "maps", "netflix", "disney", "plus", "amazon", "prime", "airbnb", "booking", "vrbo", "expedia", "uber",
        "nespresso", "smart", "hund", "katze", "living", "room", "master", "bedroom", "kitchen", "bathroom", "pool",
    }
)
# fmt: on
DIGITS = (
    r"zero|oh|one|two|three|four|five|six|seven|eight|nine|null|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun|"
    r"cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|zéro|un|deux|trois|quatre|cinq|sept|huit|neuf|"
    r"due|tre|quattro|cinque|sei|sette|otto|nove|um|dois|três|quatro|sete|oito|nul|een|twee|drie|vijf|zes|zeven|negen|"
    r"double|triple|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|twenty|thirty|forty|fifty|sixty|seventy|"
    r"eighty|ninety|jeden|dwa|trzy|cztery|pięć|sześć|siedem|osiem|dziewięć|nula|jedna|dva|tři|čtyři|pět|šest|sedm|osm|devět|"
    r"sıfır|bir|iki|üç|dört|beş|altı|yedi|sekiz|dokuz|ett|två|tre|fyra|fem|sex|sju|åtta|nio|fire|seks|syv|otte|åtte|ni|"
    r"doi|patru|cinci|șase|șapte|opt|nouă|egy|kettő|három|négy|öt|hat|hét|nyolc|kilenc|"
    r"ноль|один|два|три|четыре|пять|шесть|семь|восемь|девять|[零〇一二三四五六七八九]"
)

# The text after it, up to the end of the sentence, is an address.
ADDRESS = (
    r"(?:home |postal |billing |our |my |exact |full )?address(?: is|\s?:)",
    r"(?:we|i) live (?:at|in|on)|adresse?\w*(?: ist| lautet| est|\s?:)|(?:wir wohnen|ich wohne) (?:in|an|am)",
    r"direcci[oó]n(?: \w+)?(?: es|\s?:)|vivo en|vivimos en|j'habite|nous habitons|indirizzo(?: \w+)?(?: è|\s?:)|abito (?:in|a)",
    r"abitiamo (?:in|a)|endereço(?: é|\s?:)|(?:moro|moramos) (?:em|na|no)|adres(?: is|\s?:)|(?:ik woon|wij wonen) (?:in|op|aan)",
    r"адрес(?:е|а|у)?(?:\s*[:—-])?|(?:я живу|мы живём|мы живем) (?:в|на)|adresim|adresimiz|العنوان|عنواني",
)
ADDRESS_UNSPACED = ("地址", "住址", "住所", "주소")
# A street with its number, in either order.
STREET_BEFORE_NUMBER = (
    r"(?:calle|c/|avenida|avda\.?|av\.|paseo|plaza|carrer|rua|travessa|largo|praça|via|viale|piazza|corso|vicolo|rue|"
    r"avenue|boulevard|bd|place|impasse|chemin|allée|quai|ulica|ul\.|улица|ул\.|проспект|пр\.|переулок|площадь)"
    r"\s+[^\W\d_][^\n,;:!?\d]{0,40},?\s*(?:n[º°o.]{1,2}\s*|д\.\s*|дом\s*)?\d{1,5}\s?[a-z]?\b",
    r"[^\W\d_]+[- ]?(?:straße|strasse|str\.|weg|platz|gasse|allee|ring|ufer|damm|straat|laan|plein|gracht|kade|gatan|vägen|"
    r"vej|gade|veien|sokak|sokağı|caddesi)\s+\d{1,5}\s?[a-z]?\b",
    r"(?:am|an der|auf der|in der)\s+[^\W\d_]{4,}\s+\d{1,4}[a-z]?\b",
    r"[^\W\d_]+\s+(?:street|road|avenue|boulevard|lane|drive)\s+\d{1,5}\b",
)
NUMBER_BEFORE_STREET = (
    r"\d{1,5}\s?[a-z]?,?\s+(?:bis,?\s+|ter,?\s+)?"
    r"(?:rue|avenue|boulevard|bd|place|impasse|chemin|allée|quai)\s+[^\n,;:.!?]{2,40}",
    r"\d{1,5}[a-z]?,?\s+(?:bis,?\s+|ter,?\s+)?(?:[^\W\d_][\w.'’-]*\s+){0,4}?"
    r"(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|terrace|crescent|close|highway|hwy|parkway)\b\.?",
)
STREET_UNSPACED = (
    r"[\u4e00-\u9fff]{2,3}[都道府県][\u3040-\u30ff\u4e00-\u9fff]{1,24}[市区町村郡][\u3040-\u30ff\u4e00-\u9fff]{0,24}[\d-]*|"
    r"[\u4e00-\u9fff]{2,12}(?:路|街|道|巷|弄|大道|丁目|番地)\s?\d{1,5}\s?(?:号|號|弄|番|室)?"
)

GREETING = (
    r"hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|thanks|thank you|hallo|guten (?:tag|morgen|abend)|"
    r"liebe[rs]?|sehr geehrte[r]?|moin|servus|hola|buen[oa]s (?:d[ií]as|tardes|noches)|estimad[oa]|querid[oa]|gracias|"
    r"bonjour|bonsoir|salut|ch[eè]re?|merci|ciao|salve|buongiorno|buonasera|gentile|car[oa]|grazie|ol[aá]|"
    r"bo[am] (?:dia|tarde|noite)|prezad[oa]|obrigad[oa]|beste|hoi|dag|hej|hei|cześć|dzień dobry|merhaba|sayın|"
    r"здравствуйте|привет|добрый (?:день|вечер)|уважаем\w+|спасибо|مرحبا|你好|您好"
)
# A name follows.
INTRODUCTION = (
    r"my name is|my name's|i am called|this is|i'm|i am|ask for|"
    r"(?:my|our) (?:wife|husband|partner|son|daughter|friend|mother|father|brother|sister|colleague|cleaner|neighbou?r|manager|co-?host)|"
    r"ich heiße|ich heisse|mein name ist|ich bin|hier ist|(?:meine?|unsere?) (?:frau|mann|partner(?:in)?|sohn|tochter|freund(?:in)?|"
    r"mutter|vater|bruder|schwester|kolleg(?:e|in)|nachbar(?:in)?)|"
    r"me llamo|mi nombre es|soy|(?:mi|nuestr[oa]) (?:mujer|esposa|esposo|marido|hij[oa]|amig[oa]|madre|padre|herman[oa]|vecin[oa])|"
    r"je m'appelle|je suis|mon nom est|(?:ma|mon|notre) (?:femme|mari|épouse|époux|fils|fille|ami|amie|mère|père|frère|sœur|voisine?)|"
    r"mi chiamo|il mio nome è|sono|(?:mia|mio) (?:moglie|marito|figlio|figlia|amico|amica|madre|padre|fratello|sorella|vicin[oa])|"
    r"meu nome é|(?:eu )?me chamo|chamo-me|sou (?:a|o)|(?:minha|meu) (?:esposa|mulher|marido|filh[oa]|amig[oa]|mãe|pai|irmão|irmã|vizinh[oa])|"
    r"mijn naam is|ik ben|ik heet|mijn (?:vrouw|man|zoon|dochter|vriend(?:in)?)|jag heter|nazywam się|mam na imię|adım|benim adım|"
    r"меня зовут|моё имя|мое имя|(?:мой|моя) (?:муж|жена|сын|дочь|друг|подруга)|mrs?\.?|ms\.?|miss|herrn?|frau|"
    r"famil(?:y|ie|ia|le)|famiglia|família|rodzina|семья|pani?|państwo|p[aá]n[ií]?|г-н|г-жа|"
    r"se[nñ]or[a]?|sra?\.|monsieur|madame|mme|signor[ae]?|senhora?|dr\.?"
)
# A name follows even where it is in small letters.
NAME_FOLLOWS = (
    r"my name is|my name's|i am called|ich hei(?:ß|ss)e|mein name ist|me llamo|mi nombre es|je m'appelle|mon nom est|mi chiamo|"
    r"il mio nome è|meu nome é|me chamo|chamo-me|mijn naam is|ik heet|jag heter|nazywam się|mam na imię|benim adım|"
    r"меня зовут|мо[её] имя"
)
# No part of a name
AFTER_NAME = (
    r"and|und|y|e|et|en|och|i|ve|и|from|we|i'm|with|here|aus|wir|mit|hier|de|desde|con|estoy|avec|nous|da|sono|com|uit|wij|"
    r"jestem|из|я|мы"
)
INTRODUCTION_UNSPACED = r"我叫|我是|我的名字是|私は|私の名前は|제 이름은|저는"
# After the name
NAME_BEFORE = r"Bey|Hanım|Abi|Abla"
# お客様, 皆様 and 고객님 are guests, and no names.
NAME_BEFORE_UNSPACED = (
    r"(?P<name>(?!客|皆|奥様|何様)[\u30a1-\u30ff\u4e00-\u9fff]{1,6}(?=様|さま|さん|と申し|といいます|と言います)"
    r"|[\u4e00-\u9fff]{1,3}(?=先生|女士|小姐)|(?!고객|손님|사장|호스트|게스트)[\uac00-\ud7a3]{2,4}(?=\s?(?:님|씨)))"
)
CLOSING = (
    r"(?:best|kind|warm)?\s?(?:regards|wishes)|best|cheers|thanks(?: again)?|thank you|many thanks|sincerely|yours|love|"
    r"(?:viele|liebe|beste|freundliche|herzliche|mit freundlichen) (?:grüße|grüßen|gruesse|grüsse)|lg|vg|mfg|danke|"
    r"(?:un )?saludos?|(?:muchas )?gracias|un abrazo|atentamente|cordialement|bien à vous|merci(?: beaucoup)?|"
    r"(?:cordiali |distinti )?saluti|grazie(?: mille)?|a presto|atenciosamente|(?:com os melhores )?cumprimentos|"
    r"obrigad[oa]|abraços?|(?:met )?vriendelijke groet(?:en)?|groet(?:jes|en)?|mvg|pozdrawiam|saygılar(?:ımla)?|"
    r"с уважением|спасибо|此致|谢谢|よろしくお願いします"
)
MONEY = r"€|\$|£|¥|₽|zł|kr|eur|usd|gbp|chf|cad|aud|euros?|dollars?|pounds?|dólares|reais|r\$|руб\w*|tl|₺"
# Words after a number of one or two digits that show that it is not a code.
MEASURES = (
    r"m|m2|m²|km|cm|meters?|metres?|metros?|meter|mètres?|metri|м|метр\w*|qm|sqm|sq\.? ?m|sq\.? ?ft|sqft|ft|feet|yards?|"
    r"kg|mbps|mbit(?:/s)?|mb|gb|gbps|degrees?|°|%|米|メートル|미터|متر|מטר"
)
# Words on a dial that is turned to numbers
TURNS = r"left|right|links|rechts|izquierda|derecha|gauche|droite|sinistra|destra|esquerda|direita|lewo|prawo|sol|sağ|左|右|влево|вправо"
UNITS = (
    r"st|nd|rd|th|am|pm|a|p|h|hs|hr|hrs|uhr|min|mins|km|m|cm|ft|kg|gb|mb|mbps|br|ba|x|k|e|er|ème|eme|pax|pm-|am-|"
    r"nights?|days?|guests?|people|de|te|ste"
)
