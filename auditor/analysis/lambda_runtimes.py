"""What AWS says of Lambda's runtimes and of Flink's, and who publishes layers: tables of mid-2026.

AWS has no API that tells these. Whoever changes a table says here where it comes from.
"""

from collections.abc import Mapping
from datetime import date

# The day on which a runtime is deprecated; None where AWS has not set one. A runtime that is not here is not known.
# From Lambda's developer guide, "Lambda runtimes" and "Runtime deprecation", as of August 2026, by way of two tools
# that copied the tables independently and agree. Preview runtimes (nodejs26.x, python3.15) are left out on purpose.
LAMBDA_RUNTIMES: Mapping[str, date | None] = {
    "dotnet10": date(2028, 11, 14),
    "dotnet6": date(2024, 12, 20),
    "dotnet8": date(2026, 11, 10),
    "dotnetcore1.0": date(2019, 6, 27),
    "dotnetcore2.0": date(2019, 5, 30),
    "dotnetcore2.1": date(2022, 1, 5),
    "dotnetcore3.1": date(2023, 4, 3),
    "go1.x": date(2024, 1, 8),
    "java11": date(2027, 6, 30),
    "java11.al2023": date(2029, 6, 30),
    "java17": date(2027, 6, 30),
    "java17.al2023": date(2029, 6, 30),
    "java21": date(2029, 6, 30),
    "java25": date(2029, 6, 30),
    "java8": date(2024, 1, 8),
    "java8.al2": date(2027, 6, 30),
    "java8.al2023": date(2029, 6, 30),
    "nodejs": date(2016, 8, 30),
    "nodejs10.x": date(2021, 7, 30),
    "nodejs12.x": date(2023, 3, 31),
    "nodejs14.x": date(2023, 12, 4),
    "nodejs16.x": date(2024, 6, 12),
    "nodejs18.x": date(2025, 9, 1),
    "nodejs20.x": date(2026, 4, 30),
    "nodejs22.x": date(2027, 4, 30),
    "nodejs24.x": date(2028, 4, 30),
    "nodejs4.3": date(2020, 3, 5),
    "nodejs4.3-edge": date(2020, 3, 5),
    "nodejs6.10": date(2019, 8, 12),
    "nodejs8.10": date(2020, 3, 6),
    "provided": date(2024, 1, 8),
    "provided.al2": date(2026, 7, 31),
    "provided.al2023": date(2029, 6, 30),
    "python2.7": date(2021, 7, 15),
    "python3.10": date(2026, 10, 31),
    "python3.11": date(2027, 6, 30),
    "python3.12": date(2028, 10, 31),
    "python3.13": date(2029, 6, 30),
    "python3.14": date(2029, 6, 30),
    "python3.6": date(2022, 7, 18),
    "python3.7": date(2023, 12, 4),
    "python3.8": date(2024, 10, 14),
    "python3.9": date(2025, 12, 15),
    "ruby2.5": date(2021, 7, 30),
    "ruby2.7": date(2023, 12, 7),
    "ruby3.2": date(2026, 3, 31),
    "ruby3.3": date(2027, 3, 31),
    "ruby3.4": date(2028, 3, 31),
    "ruby4.0": date(2029, 3, 31),
}

# As above, of Kinesis Data Analytics and what it has become: the names are those of its API; the days are from its
# announcements (of the end of SQL, and of Flink 1.6 to 1.13), and were not found again when this was reviewed.
FLINK_RUNTIMES: Mapping[str, date | None] = {
    "SQL-1_0": date(2026, 1, 27),
    "FLINK-1_6": date(2024, 11, 5),
    "FLINK-1_8": date(2024, 11, 5),
    "FLINK-1_11": date(2024, 11, 5),
    "FLINK-1_13": date(2025, 10, 16),
    "FLINK-1_15": None,
    "FLINK-1_18": None,
    "FLINK-1_19": None,
    "FLINK-1_20": None,
    "FLINK-2_2": None,
    "FLINK-2_3": None,
    "ZEPPELIN-FLINK-1_0": date(2024, 11, 5),
    "ZEPPELIN-FLINK-2_0": date(2025, 10, 16),
    "ZEPPELIN-FLINK-3_0": None,
}

# AWS's own accounts that publish layers: in all regions, and those of the extensions that have one in each or in some.
# Lambda Insights, Parameters and Secrets, and AppConfig are from the tables of ARNs in their user guides (July 2026),
# and from the region facts of AWS's CDK, which agree; the others, from the READMEs of their projects.
LAYER_PUBLISHERS = frozenset(
    {
        "017000801446", "094274105915",  # Powertools, and those for TypeScript
        "157417159150",  # CodeGuru Profiler
        "336392948345",  # SDK for pandas
        # Lambda Insights
        "012438385374", "033019950311", "122132214140", "158895979263", "194566237122", "285320876703",
        "339249233099", "352183217350", "439286490199", "459530977127", "488211338238", "519774774795",
        "580247275435", "732604637566", "751350123760", "891564319516", "946466191631",
        "615299751070", "901920570463",  # OpenTelemetry
        # Parameters and Secrets
        "041683371183", "090732460067", "148806536434", "241533131596", "243964427225", "381492012281",
        "890742577149", "941377119484", "995508174458",
        "015030872274", "044395824272", "070087711984", "127562683043", "129776340158", "133256977650",
        "133490724326", "176022468876", "177933569100", "187925254637", "200266452380", "287114880934",
        "287310001119", "317013901791", "325218067255", "345057560386", "427196147048", "490737872127",
        "524103009944", "576959938190", "590474943231", "665172237481", "738900069198", "768336418462",
        "772501565639", "780235371811", "832021897121", "858974508948", "933737806257", "997803712105",
        # AppConfig
        "000010852771", "027255383542", "039592058896", "066940009817", "080788657173", "203683718741",
        "282860088358", "307021474294", "359756378197", "381491832265", "418787028745", "421114256042",
        "434848589818", "436199621743", "489524808438", "493207061005", "554480029851", "559955524753",
        "574348263942", "586093569114", "615057806174", "615084187847", "630222743974", "631746059939",
        "646970417810", "662846165436", "706869817123", "728743619870", "758369105281", "826293736237",
        "851725616657", "891376990304", "895787185223", "946561847325", "946746059096", "958113053741",
        "980059726660",
    }
)  # fmt: skip
