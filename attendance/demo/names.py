"""Names of demo students, in many scripts. Student n always has the same name, so screenshots stay accurate."""

# ruff: noqa: RUF001 - names in other scripts look ambiguous to ruff

# Each entry: given names, family names, and the pattern that joins the two.
_NAMES: tuple[tuple[str, str, str], ...] = (
    (
        "Emma Noah Olivia Liam Chloe James Grace Oscar Ruby Henry Alice Samuel Freya George Nora Adam",
        "Smith Murphy Taylor O’Brien Walker Hughes Clarke Bennett Foster Reid Sharpe Doyle Marsh Lowe Quinn Hart",
        "{given} {family}",
    ),
    (
        "आशा राहुल प्रिया अर्जुन सुनीता विक्रम मीरा रोहन नेहा अमित कविता सूरज पूजा मोहन दीपा अजय",
        "राव शर्मा पटेल गुप्ता वर्मा सिंह नायर मेहता जोशी कुमार देसाई मिश्रा यादव त्रिपाठी चौहान भट्ट",
        "{given} {family}",
    ),
    (
        "伟 芳 娜 敏 静 磊 洋 艳 勇 杰 子涵 雨桐 浩然 欣怡 梓轩 思远",
        "王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林",
        "{family}{given}",
    ),
    (
        "فاطمة محمد ليلى أحمد مريم عمر نور يوسف سارة خالد هدى حسن زينب علي رانيا كريم",
        "الخطيب حداد منصور النجار عباس السيد صالح الأحمد درويش قاسم شاهين بركات زيدان فارس ناصر حمدان",
        "{given} {family}",
    ),
    (
        "Анна Иван Мария Дмитрий Ольга Сергей Елена Павел Юлия Артём Дарья Максим Ксения Никита Вера Илья",
        "Коваленко Бондарь Шевчук Мороз Петренко Лысенко Савченко Кравец Гончар Сидорук Литвин Бойко Дяченко "
        "Ткач Руденко Марчук",
        "{given} {family}",
    ),
    (
        "María José Lucía Andrés Sofía Íñigo Camila Joaquín Inés Raúl Valentina Tomás Noelia Rubén Abril Óscar",
        "García-López Muñoz Peña Ibáñez Núñez Ramírez Cordero Sáez Vidal Ordóñez Rojas Castaño Gómez Bermúdez "
        "Aguirre Zúñiga",
        "{given} {family}",
    ),
    (
        "さくら 陽翔 美咲 蓮 結衣 大翔 葵 悠真 陽菜 湊 凛 樹 花音 颯太 千尋 直樹",
        "佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 松本 井上 木村 清水",
        "{family} {given}",
    ),
    (
        "Ngọc Minh Thảo Quân Linh Đức Hương Tuấn Trang Khôi Vy Long Mai Phúc Yến Sơn",
        "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý",
        "{family} {given}",
    ),
    (
        "Χριστίνα Γιώργος Ελένη Νίκος Σοφία Κώστας Δέσποινα Πέτρος Ιωάννα Στέφανος Ζωή Θάνος Άννα Μιχάλης "
        "Φωτεινή Άρης",
        "Παπαδοπούλου Βασιλείου Δήμου Γεωργίου Νικολάου Οικονόμου Σταύρου Χατζή Μακρή Λάμπρου Κωνσταντίνου Φωτίου "
        "Ρήγα Μελά Ζέρβα Καρρά",
        "{given} {family}",
    ),
    (
        "Zoë Jürgen Amélie Søren Élise Łukasz Åsa Gönül Mário Ðorđe Şebnem Žofie Ngozi Tāne Siân Bjørn",
        "Müller Lefèvre Østergaard Nowak Lindström Yılmaz Gonçalves Petrović Çelik Novák Okonkwo Weiß Ó’Flynn "
        "Kovács Brânză Ngāta",
        "{given} {family}",
    ),
)


def demo_name(number: int) -> str:
    """Return the name of the student with this number, counted from 1. The first 2,560 names are all different."""
    nth_of_script, script = divmod(number - 1, len(_NAMES))
    given, family, pattern = _NAMES[script]
    given_names, family_names = given.split(), family.split()
    # Each full round pairs the given names with family names shifted by one more, so no pair repeats.
    shift, index = divmod(nth_of_script, len(given_names))
    return pattern.format(given=given_names[index], family=family_names[(index + shift) % len(family_names)])
