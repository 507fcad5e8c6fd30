"""Words a believable workspace is made of: names in many scripts, and number ranges of many countries."""

from __future__ import annotations

PEOPLE: tuple[tuple[str, str], ...] = (
    ("Ayşe Yılmaz", "tr"),
    ("Ayşe Yılmaz", "tr"),  # two agents of one name: a row that names her must be refused as ambiguous
    ("Mehmet Öztürk", "tr"),
    ("Çağla Şahin", "tr"),
    ("İbrahim Güneş", "tr"),
    ("Zeynep Işık", "tr"),
    ("Jürgen Größner", "de"),
    ("Anneliese Weiß", "de"),
    ("Sören Müller-Lüdenscheidt", "de"),
    ("Élodie Lefèvre", "fr"),
    ("François Noël", "fr"),
    ("Begoña Muñoz", "es"),
    ("João Conceição", "pt"),
    ("Łukasz Wójcik", "pl"),
    ("Žofie Dvořáková", "cs"),
    ("Sigríður Þórsdóttir", "is"),
    ("Лариса Кузнецова", "ru"),
    ("Сергій Шевченко", "uk"),
    ("Ελένη Παπαδοπούλου", "el"),
    ("נועה לוי", "he"),
    ("ليلى الحسيني", "ar"),
    ("محمد الأحمد", "ar"),
    ("فاطمه رضایی", "fa"),
    ("प्रिया शर्मा", "hi"),
    ("ณัฐพล ศรีสุข", "th"),
    ("佐藤さくら", "ja"),
    ("タナカ ケンジ", "ja"),
    ("王小明", "zh"),
    ("김민서", "ko"),
    ("Nguyễn Thị Hạnh", "vi"),
    ("O'Brien, Siobhán", "en"),
    ("Grace Hopper", "en"),
)

DESKS: tuple[tuple[str, str], ...] = (
    ("Reception", "en"),
    ("Night line", "en"),
    ("Sales EMEA", "en"),
    ("Support 24/7", "en"),
    ("Billing & Refunds", "en"),
    ("VIP desk", "en"),
    ("Satış – İzmir", "tr"),
    ("Müşteri Hizmetleri", "tr"),
    ("Randevu Hattı", "tr"),
    ("Buchhaltung", "de"),
    ("Störungsannahme", "de"),
    ("Accueil Paris", "fr"),
    ("Служба поддержки", "ru"),
    ("خدمة العملاء", "ar"),
    ("サポート窓口", "ja"),
    ("客服中心", "zh"),
)

STATUSES = ("ready", "ready", "ready", "completed", "completed", "in_progress", "paused", "pending", "archived")

RANGES: tuple[tuple[str, str, str, int], ...] = (
    # country, type, prefix, free digits after it; drawn so that each is a possible number of its country
    ("TR", "local", "+90212", 7),
    ("TR", "local", "+90232", 7),
    ("TR", "mobile", "+9053", 8),
    ("TR", "national", "+90850", 7),
    ("DE", "local", "+4930", 8),
    ("DE", "mobile", "+49151", 8),
    ("US", "local", "+1415", 7),
    ("US", "toll_free", "+1888", 7),
    ("GB", "local", "+4420", 8),
    ("FR", "local", "+331", 8),
    ("NL", "local", "+3120", 7),
    ("AE", "local", "+9714", 7),
    ("JP", "local", "+813", 8),
)
